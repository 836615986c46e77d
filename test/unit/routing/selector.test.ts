import { describe, expect, it } from 'vitest';
import { matchRoute } from '../../../shared/routing/selector.ts';
import { routeConfig, routesOf } from '../../support/route-config.ts';

const match = (selectors: readonly string[], lookup: string): string | undefined =>
  matchRoute(routesOf(...selectors.map((selector) => routeConfig(selector, 'a.subject'))), lookup)?.selector;

describe('the selector of a lookup', () => {
  it.each([
    [['a/b/c/*', 'a/b/*', 'a/*', '/*']],
    [['/*', 'a/*', 'a/b/*', 'a/b/c/*']],
    [['a/*', 'a/b/c/*', '/*', 'a/b/*']],
  ])('is the longest prefix wherever it stands: %j', (selectors) => {
    expect(match(selectors, 'a/b/c/d')).toBe('a/b/c/*');
    expect(match(selectors, 'a/b/x')).toBe('a/b/*');
    expect(match(selectors, 'x')).toBe('/*');
  });

  it('is the exact one, however long a prefix matches', () => {
    expect(match(['a/b/*', 'a/b/c', 'a/b/c/*'], 'a/b/c')).toBe('a/b/c');
  });
});
