/** A stream's configuration as the server gives it; servers know more fields than the client's types. */
export type StreamFields = Readonly<Record<string, unknown>>;

/** What one field of a stream costs us; nothing where it costs nothing. */
type Rule = (value: unknown, config: StreamFields) => string | undefined;

/**
 * Judges a stream that the store reads or writes by every field that a server from 2.9 to 2.15 may give it: what loses
 * messages, or keeps them from being stored, is named. Streams are their owners': nothing is changed.
 */
export const judgeStream = (config: StreamFields): readonly string[] =>
  Object.entries(config).flatMap(([field, value]) => {
    if (value === undefined || value === null) return [];
    const rule = Object.hasOwn(streamRules, field) ? streamRules[field]! : unknownField;
    const text = rule(value, config);
    return text === undefined ? [] : [`${field} ${text}`];
  });

const fine: Rule = () => undefined;
const ifSet =
  (text: string): Rule =>
  (value) =>
    value === '' || value === 0 || value === false || (Array.isArray(value) && value.length === 0) ? undefined : text;
const isLimit = (value: unknown): value is number => typeof value === 'number' && value > 0;
/** A limit on the amount: harmless if the stream refuses what is over it. */
const amount: Rule = (value, { discard }) =>
  isLimit(value) && discard !== 'new'
    ? `is ${value} and discard is old: a full stream drops messages that nobody has read`
    : undefined;

/** Smaller ones refuse ordinary messages. */
const usefulMessageBytes = 65_536;

/** Every field of a stream's configuration. */
export const streamRules: Readonly<Record<string, Rule>> = {
  name: fine,
  description: fine,
  metadata: fine,
  template_owner: fine,
  subjects: fine,
  retention: (value) =>
    value === 'interest' ? 'is interest: a message that comes while no durable is there is dropped' : undefined,
  max_consumers: fine,
  max_msgs: amount,
  max_bytes: amount,
  max_age: (value) =>
    isLimit(value) ? `is ${Math.round(value / 1e9)} s: what has waited for longer is dropped unread` : undefined,
  max_msgs_per_subject: (value, { discard, discard_new_per_subject: perSubject }) =>
    isLimit(value) && !(discard === 'new' && perSubject === true)
      ? `is ${value}: a newer message of a subject drops older ones unread`
      : undefined,
  max_msg_size: (value) =>
    isLimit(value) && value < usefulMessageBytes ? `is ${value} bytes: larger messages are refused` : undefined,
  discard: fine,
  discard_new_per_subject: fine,
  storage: (value) => (value === 'memory' ? 'is memory: messages are lost when the server ends' : undefined),
  num_replicas: fine,
  no_ack: ifSet('is set: nobody can tell whether a message was stored'),
  duplicate_window: fine,
  placement: fine,
  mirror: ifSet('is set: nothing can be published to it, and what is settled here stays at its origin'),
  sources: ifSet('are set: what is settled here stays at the origin'),
  compression: fine,
  first_seq: fine,
  subject_transform: ifSet('is set: messages have another subject than they were published to'),
  republish: fine,
  allow_direct: fine,
  mirror_direct: fine,
  sealed: ifSet('is set: it takes no messages'),
  deny_delete: fine,
  deny_purge: fine,
  allow_rollup_hdrs: ifSet('is set: a producer may drop all earlier messages of a subject'),
  // Our durables ask for no more than it allows.
  consumer_limits: fine,
  allow_msg_ttl: ifSet('is set: a producer may let its messages expire unread'),
  subject_delete_marker_ttl: fine,
  allow_msg_counter: ifSet('is set: it takes counters, not messages'),
  allow_atomic: fine,
  allow_batched: fine,
  allow_msg_schedules: fine,
  persist_mode: (value) => (value === 'async' ? 'is async: a message is confirmed before it is on disk' : undefined),
};

const unknownField: Rule = () => 'is not known to this version: what it does to messages cannot be told';
