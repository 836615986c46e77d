import type { Pause } from '../../message/pause.ts';
import type { ConnectorReport, RetryReport } from '../../message/connector-report.ts';
import type { ConsumerStatus } from '../../nats/stream-status.ts';
import type { StoreFacts } from './store-facts.ts';

export type HealthLevel = 'good' | 'warn' | 'bad';

/** How one part of the store is. */
export interface HealthState {
  readonly part:
    'nats' | 'database' | 'gateway' | 'connector' | 'function' | 'stream' | 'durable' | 'pause' | 'dead letters';
  /** Which one of its kind. */
  readonly name: string;
  readonly level: HealthLevel;
  /** Stable, for scripts and alerts. */
  readonly code: string;
  /** A few words, such as "No active consumer". */
  readonly headline: string;
  /** Why; empty if the headline says it all. */
  readonly reason: string;
  /** Milliseconds since 1970; null if nobody knows. */
  readonly sinceMs: number | null;
}

export interface Health {
  readonly level: HealthLevel;
  /** The worst state in a few words; "Healthy" if all are good. */
  readonly headline: string;
  /** Every state, the worst first. */
  readonly states: readonly HealthState[];
}

/** Says how the store is, by rules H1 to H7 of README.md. Ages are those at the time of the facts. */
export const assessHealth = (facts: StoreFacts): Health => {
  const states = [
    natsState(facts),
    databaseState(facts),
    ...gatewayStates(facts),
    ...connectorStates(facts),
    ...functionStates(facts),
    ...facts.streams.flatMap((stream) => streamStates(stream, facts)),
    ...pauseStates(facts),
    ...deadLetterStates(facts),
  ].sort((one, other) => severity[other.level] - severity[one.level]);
  const troubles = states.filter(({ level }) => level !== 'good');
  const [worst] = troubles;
  if (worst === undefined) {
    const paused = pausesOf(facts).length;
    return { level: 'good', headline: paused === 0 ? 'Healthy' : `Healthy, ${paused} paused`, states };
  }
  const others = troubles.length === 1 ? '' : ` (and ${troubles.length - 1} more)`;
  return { level: worst.level, headline: `${worst.headline}${others}`, states };
};

const severity: Readonly<Record<HealthLevel, number>> = { good: 0, warn: 1, bad: 2 };

const natsState = ({ nats }: StoreFacts): HealthState => {
  const base = { part: 'nats', name: 'NATS' } as const;
  return nats.ok
    ? stateOf({ ...base, level: 'good', code: 'answers', headline: 'NATS answers' })
    : stateOf({ ...base, level: 'bad', code: nats.code, headline: 'NATS unreachable', reason: nats.reason });
};

type StateOf = Omit<HealthState, 'reason' | 'sinceMs'> & Partial<Pick<HealthState, 'reason' | 'sinceMs'>>;

const stateOf = (state: StateOf): HealthState => ({ reason: '', sinceMs: null, ...state });

const databaseState = ({ database }: StoreFacts): HealthState => {
  const base = { part: 'database', name: 'database' } as const;
  if (database.ok) return stateOf({ ...base, level: 'good', code: 'answers', headline: 'Database answers' });
  const { code, reason } = database;
  const headline = code === 'database_misconfigured' ? 'Database refuses us' : 'Database unreachable';
  return stateOf({ ...base, level: 'bad', code, headline, reason });
};

const gatewayStates = ({ functions }: StoreFacts): readonly HealthState[] => {
  if (functions === null) return [];
  const base = { part: 'gateway', name: 'gateway' } as const;
  return functions.ok
    ? [stateOf({ ...base, level: 'good', code: 'answers', headline: 'Gateway answers' })]
    : [
        stateOf({
          ...base,
          level: 'bad',
          code: 'gateway_unavailable',
          headline: 'Gateway unreachable',
          reason: functions.reason,
        }),
      ];
};

const connectorStates = (facts: StoreFacts): readonly HealthState[] => {
  // H5
  if (!facts.nats.ok || !facts.connectors.ok) return [];
  const base = { part: 'connector', name: 'connector' } as const;
  const count = reportsOf(facts).length;
  if (count > 0) {
    const headline = count === 1 ? 'Connector answers' : `${count} connectors answer`;
    return [stateOf({ ...base, level: 'good', code: 'answers', headline }), ...leaseStates(facts)];
  }
  // An older connector does not report, but it reads.
  if (ownConsumers(facts).some((consumer) => moves(consumer, nowOf(facts)))) return [];
  const reason = 'No connector answers, and nobody asks for messages: what is published waits.';
  return [stateOf({ ...base, level: 'bad', code: 'connector_away', headline: 'No connector', reason })];
};

/** Of each durable: which connector reads it since when, and how many stand by (H7). */
const leaseStates = (facts: StoreFacts): readonly HealthState[] => {
  const leases = reportsOf(facts).flatMap((report) => report.leases ?? []);
  return [...new Set(leases.map(({ consumer }) => consumer))].map((consumer) => {
    const said = leases.filter((lease) => lease.consumer === consumer);
    const lease = said.find(({ isOurs }) => isOurs) ?? said.find(({ holder }) => holder !== null);
    const base = { part: 'connector', name: consumer } as const;
    if (lease === undefined) {
      const reason =
        'Its lease is over, and no connector could take it: the bucket state_sync_leases cannot be reached.';
      return stateOf({ ...base, level: 'bad', code: 'lease_free', headline: `Nobody reads ${consumer}`, reason });
    }
    const standby = said.filter(({ isOurs }) => !isOurs).length;
    const others = standby === 0 ? 'nobody stands by' : standby === 1 ? 'one stands by' : `${standby} stand by`;
    const headline = `${lease.holder ?? ''} reads ${consumer}, ${others}`;
    return stateOf({ ...base, level: 'good', code: 'lease_held', headline, sinceMs: lease.sinceMs });
  });
};

const reportsOf = ({ connectors }: StoreFacts): readonly ConnectorReport[] => (connectors.ok ? connectors.list : []);

const ownConsumers = ({ streams }: StoreFacts): readonly ConsumerStatus[] =>
  streams.flatMap((named) => (named.functions.length > 0 && named.ok ? (named.stream?.consumers ?? []) : []));

/** A durable is seen to move if it did within this time. */
const movesWithinMs = 10_000;

/** Whether somebody reads the durable: a pull request waits, or a message was given out or settled a moment ago (H2). */
const moves = (consumer: ConsumerStatus, nowMs: number): boolean =>
  consumer.waiting > 0 ||
  isRecent(consumer.lastDeliveredMs, nowMs, movesWithinMs) ||
  isRecent(consumer.lastSettledMs, nowMs, movesWithinMs);

const isRecent = (ms: number | null, nowMs: number, withinMs: number): boolean => ms !== null && nowMs - ms <= withinMs;

const nowOf = ({ time }: StoreFacts): number => Date.parse(time);

const functionStates = (facts: StoreFacts): readonly HealthState[] => {
  const names = [...new Set(facts.streams.flatMap(({ functions }) => functions))];
  return names.map((name) => functionState(name, facts));
};

const functionState = (name: string, facts: StoreFacts): HealthState => {
  const base = { part: 'function', name } as const;
  const said = reportsOf(facts).flatMap(({ functions }) => functions.filter((one) => one.name === name));
  const failing = said.filter(({ failingSinceMs }) => failingSinceMs !== null);
  const [first] = failing;
  if (first !== undefined) {
    return stateOf({
      ...base,
      level: 'bad',
      code: 'function_fails',
      headline: `${name} does not work`,
      reason: first.reason ?? '',
      sinceMs: Math.min(...failing.map(({ failingSinceMs }) => failingSinceMs ?? Infinity)),
    });
  }
  const list = facts.functions?.ok === true ? facts.functions.list : undefined;
  const known = list?.find((one) => one.name === name);
  if (list !== undefined && known === undefined) {
    const reason = 'The gateway does not know it.';
    return stateOf({ ...base, level: 'bad', code: 'function_missing', headline: `${name} is not deployed`, reason });
  }
  if (known !== undefined && known.replicas > 0 && known.availableReplicas === 0) {
    const headline = `No replica of ${name} is ready`;
    return stateOf({ ...base, level: 'warn', code: 'function_not_ready', headline });
  }
  return stateOf({ ...base, level: 'good', code: 'answers', headline: `${name} answers, or has nothing to do` });
};

type NamedStream = StoreFacts['streams'][number];

/** A stream with less room than this share is full for all who publish more than a little. */
const fullShare = 0.98;

const streamStates = (named: NamedStream, facts: StoreFacts): readonly HealthState[] => {
  // H4, H5
  if (named.functions.length === 0 || !facts.nats.ok) return [];
  const base = { part: 'stream', name: named.name } as const;
  if (!named.ok) {
    const headline = `Stream ${named.name} cannot be read`;
    return [stateOf({ ...base, level: 'bad', code: named.code, headline, reason: named.reason })];
  }
  if (named.stream === null) return [];
  const { messages, bytes, maxMessages = Infinity, maxBytes = Infinity, discard, consumers } = named.stream;
  const isFull = discard === 'new' && Math.max(messages / maxMessages, bytes / maxBytes) >= fullShare;
  const full = stateOf({
    ...base,
    level: 'bad',
    code: 'stream_full',
    headline: `Stream ${named.name} is full`,
    reason: 'It refuses new messages. Raise its limit, or let its messages be stored.',
  });
  return [...(isFull ? [full] : []), ...consumers.map((consumer) => durableState(named.name, consumer, facts))];
};

/** Messages wait, and none was settled for this long: it stands still. */
const stuckAfterMs = 30_000;
/** Whoever waits longer than this is told to the operator. */
const behindAfterMs = 60_000;

const durableState = (stream: string, consumer: ConsumerStatus, facts: StoreFacts): HealthState => {
  const nowMs = nowOf(facts);
  const { name, pending, ackPending, oldestMs } = consumer;
  const base = { part: 'durable', name } as const;
  const said = reportsOf(facts).flatMap(({ durables }) =>
    durables.filter((one) => one.stream === stream && one.consumer === name),
  );
  const outstanding = pending + ackPending;
  const wait = `${messagesText(outstanding)} of ${stream} ${outstanding === 1 ? 'waits' : 'wait'}`;
  if (consumer.isPaused) {
    const headline = `${name} is paused`;
    return stateOf({ ...base, level: 'bad', code: 'consumer_paused', headline, reason: `${wait}.` });
  }
  if (consumer.isPush) {
    const reason = 'Only a pull consumer can be read. Delete it: the connector makes a new one.';
    return stateOf({ ...base, level: 'bad', code: 'consumer_push', headline: `${name} is a push consumer`, reason });
  }
  // H6
  if (pausesOf(facts).some(({ kind, id }) => kind === 'durable' && id === name)) {
    const headline = `${name} is paused`;
    return stateOf({ ...base, level: 'good', code: 'paused', headline, reason: `${wait}.` });
  }
  if (outstanding === 0) return stateOf({ ...base, level: 'good', code: 'idle', headline: `${name} has stored all` });
  const isRead = reportsOf(facts).length > 0 || moves(consumer, nowMs);
  if (!isRead) {
    const headline = 'No active consumer';
    return stateOf({ ...base, level: 'bad', code: 'not_read', headline, reason: `${wait}.`, sinceMs: oldestMs });
  }
  const retries = said.flatMap((report) => report.retries);
  const settledMs = Math.max(consumer.lastSettledMs ?? 0, ...said.map(({ lastSettledMs }) => lastSettledMs ?? 0));
  const stillMs = Math.max(settledMs, oldestMs ?? 0);
  // H1
  if (stillMs > 0 && nowMs - stillMs > stuckAfterMs) {
    // H6
    if (retries.length === 0 && mayWaitForPause(stream, facts)) {
      const headline = `${wait} while something is paused`;
      return stateOf({ ...base, level: 'good', code: 'paused', headline, reason: pauseText(facts) });
    }
    const headline = `Nothing of ${stream} is stored`;
    const reason = retries.length > 0 ? retryText(retries) : `${wait}, and no function has answered.`;
    return stateOf({ ...base, level: 'bad', code: 'stuck', headline, reason, sinceMs: stillMs });
  }
  // H3
  if (retries.length > 0) {
    const count = retries.reduce((sum, { messages }) => sum + messages, 0);
    const headline = `${messagesText(count)} of ${stream} ${count === 1 ? 'is' : 'are'} tried again`;
    const sinceMs = Math.min(...retries.map((retry) => retry.sinceMs));
    return stateOf({ ...base, level: 'warn', code: 'retried', headline, reason: retryText(retries), sinceMs });
  }
  // H1
  if (stillMs === 0 && !isRecent(consumer.lastDeliveredMs, nowMs, movesWithinMs)) {
    const headline = `${wait}; nobody can say for how long`;
    return stateOf({ ...base, level: 'warn', code: 'unknown_age', headline });
  }
  if (oldestMs !== null && nowMs - oldestMs > behindAfterMs && !mayWaitForPause(stream, facts)) {
    const headline = `${wait}, the oldest for too long`;
    return stateOf({ ...base, level: 'warn', code: 'behind', headline, sinceMs: oldestMs });
  }
  return stateOf({ ...base, level: 'good', code: 'stores', headline: `${name} stores its messages` });
};

const pausesOf = ({ pauses }: StoreFacts): readonly Pause[] => (pauses.ok ? pauses.list : []);

/** Whether messages of the stream wait because of an operator: one of its functions is paused, or a state or route. */
const mayWaitForPause = (stream: string, facts: StoreFacts): boolean => {
  const functions = facts.streams.find(({ name }) => name === stream)?.functions ?? [];
  return pausesOf(facts).some(({ kind, id }) => (kind === 'function' ? functions.includes(id) : kind !== 'durable'));
};

const pauseText = (facts: StoreFacts): string => `Paused: ${pausesOf(facts).map(pauseName).join(', ')}.`;

const pauseName = ({ kind, id, name }: Pause): string => `${kind} ${name ?? id}`;

/** Said, and no alarm: somebody wanted it. */
const pauseStates = (facts: StoreFacts): readonly HealthState[] =>
  pausesOf(facts).map((pause) => {
    const end = pause.untilMs === null ? 'until it is resumed' : `until ${new Date(pause.untilMs).toISOString()}`;
    return stateOf({
      part: 'pause',
      name: pauseName(pause),
      level: 'good',
      code: 'paused',
      headline: `${pauseName(pause)} is paused`,
      reason: `By ${pause.by}, ${end}.`,
      sinceMs: pause.sinceMs,
    });
  });

const messagesText = (count: number): string => `${count} ${count === 1 ? 'message' : 'messages'}`;

const retryText = (retries: readonly RetryReport[]): string =>
  retries.map(({ code, reason }) => `${code}: ${reason}`).join('; ');

const deadLetterStates = ({ deadLetters, nats }: StoreFacts): readonly HealthState[] => {
  // H5
  if (!nats.ok) return [];
  const base = { part: 'dead letters', name: deadLetters.stream } as const;
  if (!deadLetters.ok) {
    const { code, reason } = deadLetters;
    return [stateOf({ ...base, level: 'warn', code, headline: 'Dead letters cannot be read', reason })];
  }
  const { messages } = deadLetters;
  if (messages === 0) return [stateOf({ ...base, level: 'good', code: 'none', headline: 'No dead letters' })];
  const headline = `${messages} dead ${messages === 1 ? 'letter' : 'letters'}`;
  const reason = 'These messages were given up. Look at them, mend the cause, and replay them.';
  return [stateOf({ ...base, level: 'warn', code: 'dead_letters', headline, reason })];
};
