import { describe, expect, it } from 'vitest';
import { clusterFaults } from '../../chaos/cluster/cluster-faults.ts';
import { clusterMutations } from '../../chaos/cluster/cluster-mutations.ts';
import { faults } from '../../chaos/faults.ts';
import { lastsThrough } from '../../chaos/soak.ts';

const names = [...faults, ...clusterFaults].map(({ name }) => name);

describe('the faults of a cluster', () => {
  it('have names of their own, also beside those of single servers', () => {
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(['kill', 'freeze', 'part', 'lame-duck', 'empty-disk'])(
    '%s the server that leads the stream, the consumer, the servers',
    (action) => {
      const found = names.filter((name) => name.startsWith(`${action}-`) && name.endsWith('-leader'));
      expect(found.toSorted()).toEqual(
        ['consumer', 'meta', 'stream'].map((role) => `${action}-${role}-leader`).toSorted(),
      );
    },
  );

  it('do not end a process of the store in a soak', () => {
    const ending = [...faults, ...clusterFaults].filter((fault) => !lastsThrough(fault)).map(({ name }) => name);
    const ofStore = ['kill-function', 'end-function', 'die-at-failpoint', 'kill-connector', 'end-connector'];
    expect(ending).toEqual([...ofStore, 'kill-holder', 'end-holder']);
  });
});

describe('a mutation of a cluster', () => {
  it.each(Object.entries(clusterMutations))('%s is tried with faults that there are', (_name, { faults: wanted }) => {
    expect(wanted.length).toBeGreaterThan(0);
    expect(names).toEqual(expect.arrayContaining([...wanted]));
  });
});
