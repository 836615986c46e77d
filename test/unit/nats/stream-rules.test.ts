import { describe, expect, it } from 'vitest';

import { judgeStream, streamRules } from '../../../shared/nats/stream-rules.ts';

/** Every field of a stream's configuration, values that cost nothing, and values that are told. */
const table: readonly (readonly [field: string, fine: readonly unknown[], ...told: readonly unknown[]])[] = [
  ['name', ['s']],
  ['description', ['text']],
  ['metadata', [{ owner: 'them' }]],
  ['template_owner', ['t']],
  ['subjects', [['a', 'a.>']]],
  ['retention', ['workqueue', 'limits'], 'interest'],
  ['max_consumers', [-1, 5]],
  ['max_msgs', [-1, 0], 1_000],
  ['max_bytes', [-1, 0], 1_000_000],
  ['max_age', [0], 3_600e9],
  ['max_msgs_per_subject', [-1, 0], 1],
  ['max_msg_size', [-1, 1_048_576], 1_024],
  ['discard', ['old', 'new']],
  ['discard_new_per_subject', [true]],
  ['storage', ['file'], 'memory'],
  ['num_replicas', [1, 3]],
  ['no_ack', [false], true],
  ['duplicate_window', [120e9]],
  ['placement', [{ cluster: 'c' }]],
  ['mirror', [undefined], { name: 'origin' }],
  ['sources', [[]], [{ name: 'origin' }]],
  ['compression', ['none', 's2']],
  ['first_seq', [1]],
  ['subject_transform', [undefined], { src: 'a', dest: 'b' }],
  ['republish', [{ src: '>', dest: 'copy.>' }]],
  ['allow_direct', [true]],
  ['mirror_direct', [true]],
  ['sealed', [false], true],
  ['deny_delete', [true]],
  ['deny_purge', [true]],
  ['allow_rollup_hdrs', [false], true],
  ['consumer_limits', [{ max_ack_pending: 10 }]],
  ['allow_msg_ttl', [false], true],
  ['subject_delete_marker_ttl', [1]],
  ['allow_msg_counter', [false], true],
  ['allow_atomic', [true]],
  ['allow_batched', [true]],
  ['allow_msg_schedules', [true]],
  ['persist_mode', ['default'], 'async'],
];

describe('a stream that somebody else made', () => {
  it('is judged by every field that the table knows', () => {
    expect(table.map(([field]) => field).toSorted()).toEqual(Object.keys(streamRules).toSorted());
  });

  it.each(table.map(([field, fine, ...told]) => ({ field, fine, told })))(
    'is judged by $field',
    ({ field, fine, told }) => {
      for (const value of fine) expect(judgeStream({ [field]: value })).toEqual([]);
      for (const value of told) {
        expect(judgeStream({ [field]: value })).toEqual([expect.stringMatching(new RegExp(`^${field} `)) as unknown]);
      }
    },
  );

  it('loses nothing by its limits if it refuses what is over them', () => {
    expect(judgeStream({ max_bytes: 1_000, max_msgs: 10, discard: 'new' })).toEqual([]);
  });

  it('with a field of a later server is named', () => {
    expect(judgeStream({ flavour: 'x' })).toEqual([
      'flavour is not known to this version: what it does to messages cannot be told',
    ]);
  });
});
