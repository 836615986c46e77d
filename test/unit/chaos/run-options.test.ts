import { describe, expect, it } from 'vitest';
import { readRunOptions } from '../../chaos/run-options.ts';

const namesOf = (...args: readonly string[]): readonly string[] => readRunOptions(args).faults.map(({ name }) => name);

describe('a run of the fault suite', () => {
  it('knows the faults of its topology only', () => {
    expect(namesOf()).not.toContain('lose-primary');
    expect(namesOf('--topology', 'cluster')).toEqual(expect.arrayContaining(['kill-broker', 'lose-primary']));
    expect(() => namesOf('--faults', 'lose-primary')).toThrow('unknown faults: lose-primary; see --list');
    expect(namesOf('--faults', ',')).toEqual([]);
  });

  it('takes the faults of its mutation, if it is not told others', () => {
    const mutated = ['--topology', 'cluster', '--mutation', 'asynchronous-standby'];
    expect(namesOf(...mutated)).toEqual(['lose-primary-ahead']);
    expect(namesOf(...mutated, '--faults', 'lose-primary')).toEqual(['lose-primary']);
  });

  it('ends no process of the store in a soak', () => {
    expect(namesOf('--soak')).not.toContain('kill-connector');
    expect(namesOf('--soak')).toContain('kill-broker');
  });

  it.each([
    [['--topology', 'pair'], '--topology is one of single, cluster'],
    [['--topology', 'cluster', '--failover', 'hand'], '--failover is one of patroni, promote'],
    [['--mutation', 'asynchronous-standby'], '--mutation needs --topology cluster'],
    [['--replica-cost'], '--replica-cost needs --topology cluster'],
  ])('refuses %j', (args, reason) => {
    expect(() => readRunOptions(args)).toThrow(reason);
  });
});
