import { describe, expect, it } from 'vitest';
import { judgeServer } from '../../../shared/nats/server-rules.ts';

const codesOf = (version: string, cluster?: string): readonly string[] =>
  judgeServer({ version, cluster }).map(({ code }) => code);

describe('a nats-server is judged by its version', () => {
  it.each([
    ['2.10.19', undefined, []],
    ['2.10.20', undefined, ['server_loses_streams']],
    ['2.10.22-binary', 'c', ['server_loses_streams', 'repeats_lost']],
    ['2.10.23', undefined, []],
    ['2.10.29', 'c', ['repeats_lost']],
    ['2.11.17', 'c', []],
    ['2.9.10', undefined, []],
    ['2.9.10', 'c', ['copies_differ']],
    ['2.9.25', 'c', ['copies_differ']],
    ['2.15.3', 'c', []],
    ['', 'c', []],
  ] as const)('%s, cluster %s: %j', (version, cluster, codes) => {
    expect(codesOf(version, cluster)).toEqual(codes);
  });
});
