import { describe, expect, it } from 'vitest';

import { consumerRules, judgeConsumer } from '../../../shared/nats/consumer-rules.ts';

const ms = 1_000_000;
const needs = { largestMessageBytes: 1_048_576, nowMs: Date.UTC(2026, 0, 1) };

/** Every field of a consumer's configuration, a value that works, and the values that do not with what is done then. */
const table: readonly (readonly [
  field: string,
  good: readonly unknown[],
  ...bad: readonly (readonly [unknown, 'refused' | 'warned'])[],
])[] = [
  ['durable_name', ['d']],
  ['name', ['d']],
  ['description', ['text']],
  ['metadata', [{ a: 'b' }]],
  ['deliver_subject', [undefined, ''], ['push', 'refused']],
  ['deliver_group', [''], ['group', 'refused']],
  ['flow_control', [false], [true, 'refused']],
  ['idle_heartbeat', [0], [5_000 * ms, 'refused']],
  ['rate_limit_bps', [0], [1_024, 'refused']],
  ['ack_policy', ['explicit'], ['none', 'refused'], ['all', 'refused'], ['flow_control', 'refused']],
  ['headers_only', [false], [true, 'refused']],
  ['priority_policy', ['none', ''], ['pinned_client', 'refused'], ['overflow', 'refused'], ['prioritized', 'refused']],
  ['priority_groups', [[]], [['g'], 'refused']],
  ['priority_timeout', [1]],
  ['direct', [false], [true, 'refused']],
  ['sourcing', [false], [true, 'refused']],
  ['max_expires', [0, 1_000 * ms], [999 * ms, 'refused']],
  ['max_bytes', [0, 1_048_576], [1, 'refused'], [1_048_575, 'refused']],
  ['max_batch', [0, 1, 500]],
  ['max_waiting', [512], [1, 'warned']],
  ['max_ack_pending', [-1, 1_000], [1, 'warned']],
  ['ack_wait', [30_000 * ms], [1 * ms, 'warned']],
  ['backoff', [[], [1_000 * ms]], [[10 * ms], 'warned']],
  ['max_deliver', [-1], [1, 'warned'], [5, 'warned']],
  [
    'deliver_policy',
    ['all'],
    ['last', 'warned'],
    ['new', 'warned'],
    ['by_start_sequence', 'warned'],
    ['by_start_time', 'warned'],
    ['last_per_subject', 'warned'],
  ],
  ['opt_start_seq', [0], [7, 'warned']],
  ['opt_start_time', [undefined], ['2026-01-01T00:00:00Z', 'warned']],
  ['replay_policy', ['instant'], ['original', 'warned']],
  ['inactive_threshold', [0], [5_000 * ms, 'warned']],
  ['mem_storage', [false], [true, 'warned']],
  ['num_replicas', [0, 3]],
  ['sample_freq', ['100%']],
  ['pause_until', ['2025-01-01T00:00:00Z'], ['2027-01-01T00:00:00Z', 'warned']],
  ['filter_subject', ['a.b']],
  ['filter_subjects', [['a', 'b.>']]],
];

describe('a durable that somebody else made', () => {
  it('is judged by every field that the table knows', () => {
    expect(table.map(([field]) => field).toSorted()).toEqual(Object.keys(consumerRules).toSorted());
  });

  it.each(table.map(([field, good, ...bad]) => ({ field, good, bad })))(
    'is judged by $field',
    ({ field, good, bad }) => {
      for (const value of good) {
        expect(judgeConsumer({ [field]: value }, needs)).toEqual({ refused: [], warnings: [] });
      }
      for (const [value, how] of bad) {
        const { refused, warnings } = judgeConsumer({ [field]: value }, needs);
        expect([refused.length, warnings.length]).toEqual(how === 'refused' ? [1, 0] : [0, 1]);
        expect([...refused, ...warnings][0]).toMatch(new RegExp(`^${field} `));
      }
    },
  );

  it('with a field of a later server is read, with a warning', () => {
    expect(judgeConsumer({ ack_policy: 'explicit', quantum: 1 }, needs)).toEqual({
      refused: [],
      warnings: ['quantum is not known to this version: whether it changes what is delivered cannot be told'],
    });
  });
});
