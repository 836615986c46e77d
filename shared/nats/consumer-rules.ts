/** A consumer's configuration as the server gives it; servers know more fields than the client's types. */
export type ConsumerFields = Readonly<Record<string, unknown>>;

/** What the connector needs of a durable that somebody else made. */
export interface ConsumerNeeds {
  /** The largest message that the stream can hold (bytes). */
  readonly largestMessageBytes: number;
  /** The server's time (milliseconds since the epoch); NaN if it did not say. */
  readonly nowMs: number;
}

/** What is said of one durable: refused ones are not read, warnings do not stop anybody. */
export interface ConsumerVerdict {
  readonly refused: readonly string[];
  readonly warnings: readonly string[];
}

/** What one field means for us: nothing, a warning, or that the durable cannot be used. */
type Rule = (value: unknown, needs: ConsumerNeeds) => Said | undefined;
interface Said {
  readonly level: 'refuse' | 'warn';
  readonly text: string;
}

/**
 * Judges a durable by every field that a server from 2.9 to 2.15 may give it. A durable that cannot work is refused by name,
 * because reading it would lose messages, or ask for them thousands of times a second in vain.
 */
export const judgeConsumer = (config: ConsumerFields, needs: ConsumerNeeds): ConsumerVerdict => {
  const said = Object.entries(config).flatMap(([field, value]) => {
    if (value === undefined || value === null) return [];
    const rule = Object.hasOwn(consumerRules, field) ? consumerRules[field]! : unknownField;
    const one = rule(value, needs);
    return one === undefined ? [] : [{ level: one.level, text: `${field} ${one.text}` }];
  });
  const of = (level: Said['level']) => said.filter((one) => one.level === level).map(({ text }) => text);
  return { refused: of('refuse'), warnings: of('warn') };
};

const refuse = (text: string): Said => ({ level: 'refuse', text });
const warn = (text: string): Said => ({ level: 'warn', text });
const fine: Rule = () => undefined;

const isSet = (value: unknown): boolean =>
  value !== '' && value !== 0 && value !== false && !(Array.isArray(value) && value.length === 0);
const refuseIfSet =
  (text: string): Rule =>
  (value) =>
    isSet(value) ? refuse(text) : undefined;
const warnIfSet =
  (text: string): Rule =>
  (value) =>
    isSet(value) ? warn(text) : undefined;

const millisecond = 1_000_000;
/** A pull that may wait for less than this at the server would be asked for again all the time. */
const leastExpiresMs = 1_000;
/** Shorter ones run out between two signs of life. */
const leastAckWaitMs = 1_000;
const usefulAckPending = 10;

/** Every field of a consumer's configuration. */
export const consumerRules: Readonly<Record<string, Rule>> = {
  durable_name: fine,
  name: fine,
  description: fine,
  metadata: fine,
  deliver_subject: refuseIfSet('makes it a push consumer: a pull gets nothing from it'),
  deliver_group: refuseIfSet('belongs to a push consumer'),
  flow_control: refuseIfSet('belongs to a push consumer'),
  idle_heartbeat: refuseIfSet('belongs to a push consumer'),
  rate_limit_bps: refuseIfSet('belongs to a push consumer'),
  ack_policy: (value) =>
    value === 'explicit'
      ? undefined
      : refuse(`is ${String(value)}, not explicit: an ack would settle what another key has not stored yet`),
  headers_only: refuseIfSet('takes the payload away: every message would be empty'),
  priority_policy: (value) =>
    isSet(value) && value !== 'none'
      ? refuse(`is ${String(value)}: its pulls need a group, ours have none`)
      : undefined,
  priority_groups: refuseIfSet('are set: its pulls need a group, ours have none'),
  priority_timeout: fine,
  direct: refuseIfSet('is set: it belongs to a mirror or a source of the server itself'),
  sourcing: refuseIfSet('is set: it belongs to a mirror or a source of the server itself'),
  max_expires: (value) =>
    typeof value === 'number' && value > 0 && value < leastExpiresMs * millisecond
      ? refuse(`is ${value / millisecond} ms: a pull has to be allowed to wait for ${leastExpiresMs} ms`)
      : undefined,
  max_bytes: (value, { largestMessageBytes }) =>
    typeof value === 'number' && value > 0 && value < largestMessageBytes
      ? refuse(
          `is ${value}, and the stream takes messages of ${largestMessageBytes} bytes: a larger one stops it for good`,
        )
      : undefined,
  // Our pulls ask for no more than it allows; one message is always allowed.
  max_batch: fine,
  max_waiting: (value) =>
    value === 1
      ? warn('is 1: a second connector is refused, and so is the first after a lost connection, for a while')
      : undefined,
  max_ack_pending: (value) =>
    typeof value === 'number' && value > 0 && value < usefulAckPending
      ? warn(`is ${value}: no more messages than that are worked on at a time`)
      : undefined,
  ack_wait: (value) =>
    typeof value === 'number' && value > 0 && value < leastAckWaitMs * millisecond
      ? warn(`is ${value / millisecond} ms: messages come again while they are worked on`)
      : undefined,
  backoff: (value) =>
    Array.isArray(value) && value.some((step) => typeof step === 'number' && step < leastAckWaitMs * millisecond)
      ? warn('has steps below a second: messages come again while they are worked on')
      : undefined,
  max_deliver: (value) =>
    typeof value === 'number' && value > 0
      ? warn(`is ${value}: what is given up by the server stays in the stream and nobody hears of it`)
      : undefined,
  deliver_policy: (value) =>
    value === 'all' ? undefined : warn(`is ${String(value)}: what was stored before it began is never delivered`),
  opt_start_seq: warnIfSet('is set: what was stored before it is never delivered'),
  opt_start_time: warnIfSet('is set: what was stored before it is never delivered'),
  replay_policy: (value) =>
    value === 'instant' ? undefined : warn(`is ${String(value)}: what waits comes as slowly as it was published`),
  inactive_threshold: warnIfSet('is set: the server removes it while no connector reads, and forgets what was settled'),
  mem_storage: warnIfSet('is set: what was settled is forgotten when the server ends'),
  num_replicas: fine,
  sample_freq: fine,
  pause_until: (value, { nowMs }) =>
    typeof value === 'string' && Date.parse(value) > nowMs
      ? warn(`is ${value}: nothing is delivered until then`)
      : undefined,
  // Whether they take in what we need is judged with the filters of all our durables together.
  filter_subject: fine,
  filter_subjects: fine,
};

const unknownField: Rule = () =>
  warn('is not known to this version: whether it changes what is delivered cannot be told');
