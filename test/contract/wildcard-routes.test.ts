import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { matchRoute, requireRoute } from '../../shared/routing/selector.ts';
import { routeConfig, routesOf } from '../support/route-config.ts';

interface Vector {
  readonly name: string;
  readonly input: {
    readonly selectors: readonly string[];
    readonly lookup: string;
    readonly function: 'find_route' | 'find_route_wildcard';
  };
  readonly expected?: string;
  readonly error?: { readonly message: string };
}

const vectors = JSON.parse(
  readFileSync(new URL('vectors/wildcard-routes.json', import.meta.url), 'utf8'),
) as readonly Vector[];

/** Where the reference refuses to choose between two prefixes: the longest one wins. */
const longestWins: Readonly<Record<string, string>> = {
  'ambiguous-by-missing-boundary': 'language/models/openai/*',
  'slash-star-plus-other-ambiguous': 'a/*',
};

const find = ({ selectors, lookup, function: name }: Vector['input']): string | undefined => {
  const routes = routesOf(...selectors.map((selector) => routeConfig(selector, 'a.subject')));
  return name === 'find_route' ? requireRoute(routes, lookup).selector : matchRoute(routes, lookup)?.selector;
};

describe('selectors match as the reference matches them', () => {
  for (const vector of vectors) {
    const decided = longestWins[vector.name];
    const name = decided === undefined ? vector.name : `${vector.name} (G-38, decision: the longest prefix wins)`;
    it(name, () => {
      const { input, expected, error } = vector;
      if (decided !== undefined) {
        expect(error?.message).toContain('multiple routes found');
        expect(find(input)).toBe(decided);
      } else if (expected !== undefined) {
        expect(find(input)).toBe(expected);
      } else if (input.function === 'find_route') {
        expect(() => find(input)).toThrow(`no route for the selector ${input.lookup}`);
      } else {
        expect(find(input)).toBeUndefined();
      }
    });
  }

  it('covers every decision with a recorded case', () => {
    expect(vectors.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(longestWins)));
    expect(vectors).toHaveLength(19);
  });
});
