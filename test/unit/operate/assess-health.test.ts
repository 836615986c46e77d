import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectorReport } from '../../../shared/message/connector-report.ts';
import type { ConsumerStatus, StreamStatus } from '../../../shared/nats/stream-status.ts';
import { assessHealth } from '../../../shared/operate/health/assess-health.ts';
import type { StoreFacts } from '../../../shared/operate/health/store-facts.ts';

const nowMs = Date.parse('2026-01-01T12:00:00Z');
const ago = (seconds: number): number => nowMs - seconds * 1_000;

const consumerOf = (fields: Partial<ConsumerStatus> = {}): ConsumerStatus => ({
  name: 'sync_sub_1',
  pending: 0,
  ackPending: 0,
  redelivered: 0,
  waiting: 1,
  deliveredSequence: 10,
  ackFloorSequence: 10,
  ackWaitMs: 30_000,
  maxAckPending: 1_000,
  maxDeliver: undefined,
  filterSubjects: [],
  isPush: false,
  isPaused: false,
  lastDeliveredMs: ago(600),
  lastSettledMs: ago(600),
  oldestMs: null,
  ...fields,
});

const streamOf = (consumers: readonly ConsumerStatus[], fields: Partial<StreamStatus> = {}): StreamStatus => ({
  messages: 100,
  bytes: 1_000,
  firstSequence: 1,
  lastSequence: 100,
  subjects: ['sync'],
  retention: 'limits',
  maxBytes: undefined,
  maxMessages: undefined,
  maxMessageBytes: undefined,
  discard: 'old',
  isWithoutAck: false,
  isSealed: false,
  consumers,
  ...fields,
});

const own = (stream: StreamStatus | null) => ({
  name: 'sync',
  selectors: ['processor/state/sync'],
  functions: ['state-direct'],
  ok: true as const,
  stream,
});

const downstream = (stream: StreamStatus) => ({ ...own(stream), name: 'monitor', functions: [] });

const reportOf = (fields: Partial<ConnectorReport> = {}): ConnectorReport => ({
  connector: 'c',
  timeMs: nowMs,
  functions: [{ name: 'state-direct', failingSinceMs: null, reason: null }],
  durables: [{ stream: 'sync', consumer: 'sync_sub_1', lastSettledMs: ago(600), retries: [] }],
  ...fields,
});

const retrying = (code: string, reason: string, messages = 1): Partial<ConnectorReport> => ({
  durables: [
    {
      stream: 'sync',
      consumer: 'sync_sub_1',
      lastSettledMs: ago(1),
      retries: [{ code, reason, messages, sinceMs: ago(20) }],
    },
  ],
});

const failing: Partial<ConnectorReport> = {
  functions: [{ name: 'state-direct', failingSinceMs: ago(3), reason: 'the gateway answers 502' }],
};

const down = (code: string, reason: string) => ({ ok: false as const, code, reason });

const functionLine = (name: string, replicas = 1, availableReplicas = 1) => ({
  name,
  replicas,
  availableReplicas,
  invocations: 1,
  inFlight: 0,
  coldStarts: 1,
  restarts: 0,
});

const factsOf = (fields: Partial<StoreFacts> = {}): StoreFacts => ({
  time: new Date(nowMs).toISOString(),
  nats: { ok: true, server: 'n', version: '2.12.0', latencyMs: 1, maxPayloadBytes: 1 },
  streams: [own(streamOf([consumerOf()]))],
  deadLetters: { stream: 'dead', ok: true, messages: 0, bytes: 0, firstSequence: 0, lastSequence: 0 },
  database: { ok: true, latencyMs: 1, version: '18', ledgerRows: 1, isLedgerCounted: true },
  functions: { ok: true, list: [functionLine('state-direct')] },
  pauses: { ok: true, list: [] },
  connectors: { ok: true, list: [reportOf()] },
  ...fields,
});

const consuming = (consumer: Partial<ConsumerStatus>, ...reports: Partial<ConnectorReport>[]): Partial<StoreFacts> => ({
  streams: [own(streamOf([consumerOf(consumer)]))],
  connectors: { ok: true, list: reports.map(reportOf) },
});

const pausing = (kind: 'durable' | 'function' | 'state', id: string): Partial<StoreFacts> => ({
  pauses: { ok: true, list: [{ kind, id, name: null, keys: [], sinceMs: ago(900), untilMs: null, by: 'Ada' }] },
});

type Row = readonly [what: string, facts: Partial<StoreFacts>, level: string, headline: RegExp, reason?: RegExp];

const underLoad = { pending: 5_000, ackPending: 1_000, waiting: 0, lastSettledMs: ago(0.1), oldestMs: ago(2) };

const rows: readonly Row[] = [
  ['an idle store', {}, 'good', /^Healthy$/],
  ['a store that was never used', { streams: [own(null)] }, 'good', /^Healthy$/],
  ['a store without a gateway', { functions: null }, 'good', /^Healthy$/],
  [
    'a function that is scaled to zero',
    { functions: { ok: true, list: [functionLine('state-direct', 0, 0)] } },
    'good',
    /^Healthy$/,
  ],
  ['all that may be in flight is in flight, under load (H2)', consuming(underLoad, {}), 'good', /^Healthy$/],
  ['the same with a connector that does not report (H2)', consuming(underLoad), 'good', /^Healthy$/],
  ['messages that have just come', consuming({ pending: 3, oldestMs: ago(1) }, {}), 'good', /^Healthy$/],
  [
    'a dead function, from its first failure on',
    consuming({ ackPending: 1, oldestMs: ago(1), lastDeliveredMs: ago(1) }, failing),
    'bad',
    /^state-direct does not work/,
    /gateway answers 502/,
  ],
  [
    'a function that the gateway does not know',
    { functions: { ok: true, list: [functionLine('manage')] } },
    'bad',
    /^state-direct is not deployed/,
  ],
  [
    'a function whose replicas are not ready',
    { functions: { ok: true, list: [functionLine('state-direct', 2, 0)] } },
    'warn',
    /^No replica of state-direct is ready/,
  ],
  [
    'a message that hangs while nobody says why (H1)',
    consuming({ ackPending: 1, oldestMs: ago(40), lastSettledMs: ago(50) }, {}),
    'bad',
    /^Nothing of sync is stored/,
    /1 message of sync waits/,
  ],
  [
    'one key in back-off while others are stored (H3)',
    consuming(
      { ackPending: 1, lastSettledMs: ago(0), oldestMs: ago(5) },
      retrying('unknown_state', 'there is no state x'),
    ),
    'warn',
    /^1 message of sync is tried again/,
    /unknown_state: there is no state x/,
  ],
  [
    'one message that hangs while others are stored',
    consuming({ ackPending: 1, lastSettledMs: ago(0), oldestMs: ago(120) }, {}),
    'warn',
    /^1 message of sync waits, the oldest for too long/,
  ],
  [
    'all messages tried again for long',
    consuming(
      { ackPending: 9, lastSettledMs: ago(99), oldestMs: ago(90) },
      { durables: [{ ...retrying('database_unavailable', 'refused', 9).durables![0]!, lastSettledMs: ago(99) }] },
    ),
    'bad',
    /^Nothing of sync is stored/,
    /database_unavailable: refused/,
  ],
  [
    'messages that nobody reads',
    consuming({ pending: 1, waiting: 0, oldestMs: ago(15) }),
    'bad',
    /^No connector/,
    /nobody asks for messages/,
  ],
  ['no connector, and nothing waits', consuming({ waiting: 0 }), 'bad', /^No connector/],
  ['an older connector that reads and does not report', consuming({ waiting: 2 }), 'good', /^Healthy$/],
  [
    'messages whose age nobody knows (H1)',
    consuming({ pending: 1, lastDeliveredMs: null, lastSettledMs: null }, { durables: [] }),
    'warn',
    /^1 message of sync waits; nobody can say for how long/,
  ],
  [
    'messages of a durable that an operator has paused (H6)',
    {
      ...consuming({ pending: 5, oldestMs: ago(900), lastSettledMs: ago(900) }, {}),
      ...pausing('durable', 'sync_sub_1'),
    },
    'good',
    /^Healthy, 1 paused$/,
  ],
  [
    'messages that wait for a paused state (H6)',
    { ...consuming({ ackPending: 5, oldestMs: ago(900), lastSettledMs: ago(900) }, {}), ...pausing('state', 's1') },
    'good',
    /^Healthy, 1 paused$/,
  ],
  [
    'a message that is tried again while something is paused (H3)',
    {
      ...consuming({ ackPending: 1, lastSettledMs: ago(0), oldestMs: ago(5) }, retrying('unknown_state', 'no state x')),
      ...pausing('state', 's1'),
    },
    'warn',
    /^1 message of sync is tried again/,
  ],
  [
    'messages that nothing settles while the function of another stream is paused (H1)',
    { ...consuming({ ackPending: 1, oldestMs: ago(40), lastSettledMs: ago(50) }, {}), ...pausing('function', 'other') },
    'bad',
    /^Nothing of sync is stored/,
  ],
  ['a paused consumer', consuming({ isPaused: true, pending: 2 }, {}), 'bad', /^sync_sub_1 is paused/],
  ['a push consumer', consuming({ isPush: true }, {}), 'bad', /^sync_sub_1 is a push consumer/],
  [
    'a database that is away',
    { database: down('database_unavailable', 'refused') },
    'bad',
    /^Database unreachable/,
    /refused/,
  ],
  [
    'a database that refuses us',
    { database: down('database_misconfigured', 'password') },
    'bad',
    /^Database refuses us/,
  ],
  ['a gateway that is away', { functions: down('internal_error', 'fetch failed') }, 'bad', /^Gateway unreachable/],
  [
    'NATS away, which is one trouble and not six (H5)',
    {
      nats: down('nats_unavailable', 'refused'),
      streams: [{ ...own(null), ...down('nats_unavailable', 'refused') }],
      deadLetters: { stream: 'dead', ...down('nats_unavailable', 'refused') },
      connectors: down('nats_unavailable', 'refused'),
    },
    'bad',
    /^NATS unreachable$/,
  ],
  [
    'a full stream that refuses',
    { streams: [own(streamOf([consumerOf()], { discard: 'new', maxMessages: 100 }))] },
    'bad',
    /^Stream sync is full/,
  ],
  [
    'a full stream that drops its oldest',
    { streams: [own(streamOf([consumerOf()], { discard: 'old', maxMessages: 100 }))] },
    'good',
    /^Healthy$/,
  ],
  [
    'a downstream stream that nobody reads (H4)',
    { streams: [own(streamOf([consumerOf()])), downstream(streamOf([consumerOf({ pending: 9, waiting: 0 })]))] },
    'good',
    /^Healthy$/,
  ],
  [
    'one dead letter',
    { deadLetters: { stream: 'dead', ok: true, messages: 1, bytes: 1, firstSequence: 1, lastSequence: 1 } },
    'warn',
    /^1 dead letter$/,
  ],
  [
    'many dead letters',
    { deadLetters: { stream: 'dead', ok: true, messages: 3, bytes: 1, firstSequence: 1, lastSequence: 3 } },
    'warn',
    /^3 dead letters$/,
  ],
];

describe('health', () => {
  const cases = rows.map(([what, facts, level, headline, reason = /(?:)/]) => ({
    what,
    facts,
    level,
    headline,
    reason,
  }));

  it.each(cases)('of $what', ({ facts, level, headline, reason }) => {
    const health = assessHealth(factsOf(facts));
    expect(health).toMatchObject({ level, headline: expect.stringMatching(headline) as unknown });
    const [worst] = health.states;
    expect(worst?.reason).toMatch(reason);
    expect(worst?.level).toBe(level);
  });

  it('names the worst first and says how many more there are', () => {
    const health = assessHealth(
      factsOf({
        database: down('database_unavailable', 'refused'),
        deadLetters: { stream: 'dead', ok: true, messages: 1, bytes: 1, firstSequence: 1, lastSequence: 1 },
      }),
    );
    expect(health.headline).toBe('Database unreachable (and 1 more)');
    expect(health.states.map(({ level }) => level)).toEqual(
      health.states.map(({ level }) => level).toSorted((one, other) => order.indexOf(one) - order.indexOf(other)),
    );
  });

  it('is never good while a message waits and nothing has moved for a minute, whatever else is so', () => {
    const seconds = fc.integer({ min: 61, max: 100_000 });
    fc.assert(
      fc.property(
        fc.nat({ max: 5 }),
        fc.nat({ max: 5 }),
        fc.nat({ max: 3 }),
        seconds,
        seconds,
        seconds,
        fc.boolean(),
        (pending, ackPending, waiting, delivered, settled, oldest, reports) => {
          fc.pre(pending + ackPending > 0);
          const consumer = {
            pending,
            ackPending,
            waiting,
            lastDeliveredMs: ago(delivered),
            lastSettledMs: ago(settled),
            oldestMs: ago(oldest),
          };
          const health = assessHealth(factsOf(consuming(consumer, ...(reports ? [{}] : []))));
          expect(health.level).toBe('bad');
        },
      ),
    );
  });

  it('never says that nobody reads while messages are being settled', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.integer({ min: 0, max: 9 }),
        (pending, ackPending, waiting, seconds) => {
          const consumer = { pending, ackPending, waiting, lastSettledMs: ago(seconds), oldestMs: ago(seconds) };
          const health = assessHealth(factsOf(consuming(consumer)));
          expect(health.states.filter(({ code }) => code === 'not_read' || code === 'connector_away')).toEqual([]);
        },
      ),
    );
  });
});

const order = ['bad', 'warn', 'good'];

describe('who reads a durable (H7)', () => {
  const lease = (holder: string | null, isOurs: boolean) => ({
    consumer: 'sync_sub_1',
    holder,
    sinceMs: holder === null ? null : ago(60),
    isOurs,
  });
  const statesOf = (...leases: ReturnType<typeof lease>[]) => {
    const facts = factsOf({ connectors: { ok: true, list: leases.map((one) => reportOf({ leases: [one] })) } });
    return assessHealth(facts).states.filter(({ name, part }) => part === 'connector' && name === 'sync_sub_1');
  };

  it('is said with since when, and how many stand by', () => {
    expect(statesOf(lease('pod-a', true))).toMatchObject([
      { level: 'good', code: 'lease_held', headline: 'pod-a reads sync_sub_1, nobody stands by', sinceMs: ago(60) },
    ]);
    expect(statesOf(lease('pod-a', false), lease('pod-a', true))).toMatchObject([
      { level: 'good', headline: 'pod-a reads sync_sub_1, one stands by' },
    ]);
  });

  it('is a trouble if nobody does', () => {
    expect(statesOf(lease(null, false), lease(null, false))).toMatchObject([
      { level: 'bad', code: 'lease_free', headline: 'Nobody reads sync_sub_1' },
    ]);
  });
});
