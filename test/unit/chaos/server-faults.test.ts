import { describe, expect, it } from 'vitest';
import type { StoredState } from '../../chaos/observe.ts';
import { findDoubledByServers } from '../../chaos/server-faults.ts';

const storedOf = (...ids: readonly string[]): ReadonlyMap<string, StoredState> => {
  const ledger = ids.map((id, start) => ({ id, start, rows: 1, forwarded: true, committedMs: 0 }));
  return new Map([['state', { count: ids.length, rows: new Map(), mapping: [], ledger }]]);
};

describe('what servers do by themselves', () => {
  it('is told where one message, stored at one nanosecond, was given out at two places', () => {
    const ids = ['sync/412@1795919154660870568', 'sync/413@1795919154660870569', 'sync/424@1795919154660870568'];
    expect(findDoubledByServers(storedOf(...ids))).toEqual(['gave one message out at sync/412 and at sync/424']);
  });

  it('is not told of messages that have ids, and of those that differ', () => {
    expect(findDoubledByServers(storedOf('sync/a', 'sync/b', 'sync/1@1795919154660870568'))).toEqual([]);
  });
});
