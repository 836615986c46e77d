import { RetryableError } from '../../errors/sync-error.ts';
import type { ConnectorReport } from '../../message/connector-report.ts';
import { isOver } from '../../message/pause.ts';
import { reasonOf } from '../../message/to-outcome.ts';
import { createDeadLetterStore } from '../../nats/dead-letter-store.ts';
import { readPauses } from '../../nats/pause-bucket.ts';
import { askReplicas, connectorSubject } from '../../nats/replica-channel.ts';
import { readStreamStatus } from '../../nats/stream-status.ts';
import { toDatabaseError } from '../../postgres/database-error.ts';
import { within } from '../../process/within.ts';
import { assessHealth, type Health } from '../health/assess-health.ts';
import type { Answer, StoreFacts } from '../health/store-facts.ts';
import type { ManageCommand, ManageContext } from '../manage-context.ts';

/** What the page shows and `status` answers: the facts, and what they mean. */
export interface StoreStatus extends StoreFacts {
  readonly health: Health;
}

/** The whole picture; a part that does not answer says why and keeps nothing else from being told. */
export const readStatus = async (context: ManageContext): Promise<StoreStatus> => {
  const [nats, streams, deadLetters, database, functions, pauses, connectors] = await Promise.all([
    natsStatus(context),
    streamStatuses(context),
    deadLetterStatus(context),
    databaseStatus(context),
    functionStatus(context),
    pauseStatus(context),
    connectorStatus(context),
  ]);
  const time = new Date(context.nowMs()).toISOString();
  const facts = { time, nats, streams, deadLetters, database, functions, pauses, connectors };
  return { ...facts, health: assessHealth(facts) };
};

/** `status`: health; streams and consumers, dead letters, database, functions, connectors. */
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

const streamStatuses = (context: ManageContext): Promise<StoreFacts['streams']> =>
  Promise.all(
    [...streamNames(context)].map(async ([name, selectors]) => ({
      name,
      selectors,
      functions: context.routing.triggers
        .filter((trigger) => selectors.includes(trigger.selector))
        .map((trigger) => trigger.function),
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

const pauseStatus = (context: ManageContext): Promise<StoreFacts['pauses']> =>
  answer(context, 'read what is paused', async () => {
    const pauses = await readPauses(await context.bus.connection());
    return { list: pauses.filter((pause) => !isOver(pause, context.nowMs())) };
  });

/** How long connectors may take to answer: nobody knows how many there are, so all of it is waited. */
const connectorWaitMs = 300;

const connectorStatus = (context: ManageContext): Promise<StoreFacts['connectors']> =>
  answer(context, 'ask the connectors', async () => {
    const subject = connectorSubject(context.manageTopic);
    const reports = await askReplicas(
      await context.bus.connection(),
      {},
      { subject, token: context.token, waitMs: connectorWaitMs },
    );
    return { list: reports as readonly ConnectorReport[] };
  });

const functionStatus = async (context: ManageContext): Promise<StoreFacts['functions']> => {
  const { gateway } = context;
  if (gateway === undefined) return null;
  return answer(context, 'ask the gateway', async () => ({ list: await gateway.functions() }));
};
