import { RetryableError } from '../../errors/sync-error.ts';
import { reasonOf } from '../../message/to-outcome.ts';
import { createDeadLetterStore, type DeadLetterSummary } from '../../nats/dead-letter-store.ts';
import { readStreamStatus, type StreamStatus } from '../../nats/stream-status.ts';
import { toDatabaseError } from '../../postgres/database-error.ts';
import { within } from '../../process/within.ts';
import type { FunctionState } from '../gateway.ts';
import type { ManageCommand, ManageContext } from '../manage-context.ts';

/** Something that answers, or the code and reason why it does not. */
type Answer<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly code: string; readonly reason: string };

export type NamedStream = { readonly name: string; readonly selectors: readonly string[] } & Answer<{
  /** Null if there is no such stream yet. */
  readonly stream: StreamStatus | null;
}>;

/** What the page shows and `status` answers. */
export interface StoreStatus {
  readonly time: string;
  readonly nats: Answer<{
    readonly server: string;
    readonly version: string;
    readonly latencyMs: number;
    readonly maxPayloadBytes: number;
  }>;
  readonly streams: readonly NamedStream[];
  readonly deadLetters: { readonly stream: string } & Answer<DeadLetterSummary>;
  readonly database: Answer<{
    readonly latencyMs: number;
    readonly version: string;
    readonly ledgerRows: number;
    /** Whether `ledgerRows` was counted; else it is the planner's estimate. */
    readonly isLedgerCounted: boolean;
  }>;
  /** Null if no gateway is configured. */
  readonly functions: Answer<{ readonly list: readonly FunctionState[] }> | null;
}

/** The whole picture; a part that does not answer says why and keeps nothing else from being told. */
export const readStatus = async (context: ManageContext): Promise<StoreStatus> => {
  const [nats, streams, deadLetters, database, functions] = await Promise.all([
    natsStatus(context),
    streamStatuses(context),
    deadLetterStatus(context),
    databaseStatus(context),
    functionStatus(context),
  ]);
  return { time: new Date(context.nowMs()).toISOString(), nats, streams, deadLetters, database, functions };
};

/** `status`: streams and consumers, dead letters, database, functions. */
export const status: ManageCommand = async (args, context) => {
  args.check();
  return await readStatus(context);
};

const natsStatus = (context: ManageContext) =>
  answer(context, 'ask the NATS server', async () => {
    const connection = await context.bus.connection();
    const latencyMs = await connection.rtt();
    const { server_name: server = '', version = '', max_payload: maxPayloadBytes = 0 } = connection.info ?? {};
    return { server, version, latencyMs: roundedMs(latencyMs), maxPayloadBytes };
  });

const answer = async <T extends object>(
  context: ManageContext,
  doing: string,
  work: () => Promise<T>,
): Promise<Answer<T>> => {
  try {
    return { ok: true, ...(await inTime(work())) };
  } catch (error) {
    context.onError(doing, error);
    const code = (error as { readonly code?: unknown } | null)?.code;
    return { ok: false, code: typeof code === 'string' ? code : 'internal_error', reason: reasonOf(error) };
  }
};

/** A part that is silent must not keep the others from being shown. */
const partTimeoutMs = 5_000;

const inTime = <T>(work: Promise<T>): Promise<T> =>
  within(partTimeoutMs, work, () => {
    throw new RetryableError('no_outcome', `no answer within ${partTimeoutMs / 1_000} s`);
  });

const roundedMs = (ms: number): number => Math.round(ms * 10) / 10;

const streamStatuses = (context: ManageContext): Promise<readonly NamedStream[]> =>
  Promise.all(
    [...streamNames(context)].map(async ([name, selectors]) => ({
      name,
      selectors,
      ...(await answer(context, `read stream ${name}`, async () => ({
        stream: (await readStreamStatus(await context.bus.connection(), name)) ?? null,
      }))),
    })),
  );

/** Streams of the routes with JetStream, the ones that we read first. */
const streamNames = (context: ManageContext): ReadonlyMap<string, string[]> => {
  const { routes, triggers } = context.routing;
  const names = new Map<string, string[]>();
  const add = (selector: string): void => {
    const route = routes.get(selector);
    if (route === undefined || !route.jetstreamEnabled) return;
    const selectors = names.get(route.name) ?? [];
    if (!selectors.includes(selector)) names.set(route.name, [...selectors, selector]);
  };
  for (const trigger of triggers) add(trigger.selector);
  for (const selector of routes.keys()) add(selector);
  return names;
};

const deadLetterStatus = async (context: ManageContext) => {
  const { stream } = context.routing.deadLetter;
  const summary = await answer(context, 'read the dead-letter stream', async () => {
    const found = await createDeadLetterStore(await context.bus.connection(), stream).summary();
    return found ?? { messages: 0, bytes: 0, firstSequence: 0, lastSequence: 0 };
  });
  return { stream, ...summary };
};

/** Rows that are counted one by one; beyond that the planner's estimate is good enough. */
const maxCounted = 100_000;

const databaseStatus = (context: ManageContext) =>
  answer(context, 'ask the database', async () => {
    const { ledger } = context.pool.tables;
    const startedMs = performance.now();
    try {
      const [row] = await context.pool.query<{ version: string; counted: number; estimate: number }>(
        `select current_setting('server_version') as version,
                (select count(*)::int from (select from ${ledger} limit ${maxCounted + 1}) l) as counted,
                (select reltuples::float8 from pg_class where oid = '${ledger.replaceAll("'", "''")}'::regclass) as estimate`,
      );
      const { version = '', counted = 0, estimate = 0 } = row ?? {};
      const isLedgerCounted = counted <= maxCounted;
      const ledgerRows = isLedgerCounted ? counted : Math.max(estimate, counted);
      return { latencyMs: roundedMs(performance.now() - startedMs), version, ledgerRows, isLedgerCounted };
    } catch (error) {
      throw toDatabaseError(error, 'ask the database');
    }
  });

const functionStatus = async (context: ManageContext): Promise<StoreStatus['functions']> => {
  const { gateway } = context;
  if (gateway === undefined) return null;
  return answer(context, 'ask the gateway', async () => ({ list: await gateway.functions() }));
};
