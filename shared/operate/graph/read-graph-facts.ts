import type { ConnectorReport, ConnectorRequest } from '../../message/connector-report.ts';
import type { RouteFlow } from '../../message/delivery-minute.ts';
import { createDeadLetterStore } from '../../nats/dead-letter-store.ts';
import { askReplicas, connectorSubject } from '../../nats/replica-channel.ts';
import { readStreamStatus } from '../../nats/stream-status.ts';
import { withDatabaseErrors } from '../../postgres/database-error.ts';
import { matchRoute } from '../../routing/selector.ts';
import { describeDeadLetter } from '../describe-dead-letter.ts';
import type { ManageContext } from '../manage-context.ts';
import type { GraphFacts, GraphProcessor, RouteFact } from './store-graph.ts';

/** A page can show so many edges and still be read. */
const maxRoutes = 2_000;
/** Rates are of this time. */
const rateSeconds = 30;
const maxDeadLetters = 1_000;
const connectorWaitMs = 300;

/** Reads routes, rates, dead letters and backlog. Only the routes are needed: without NATS the rest is empty. */
export const readGraphFacts = async (context: ManageContext): Promise<GraphFacts> => {
  const orNothing = async <T>(doing: string, work: Promise<T>, nothing: T): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      context.onError(doing, error);
      return nothing;
    }
  };
  const [routes, rowsPerSecond, flows, deadLetters] = await Promise.all([
    readRoutes(context),
    readRates(context),
    orNothing('ask the connectors for flows', readFlows(context), []),
    orNothing('read dead letters for the graph', readDeadLetters(context), []),
  ]);
  const isComplete = routes.length <= maxRoutes;
  const shown = routes.slice(0, maxRoutes);
  const places = await readPlaces(context, new Set(shown.flatMap(({ providerId }) => providerId ?? [])), orNothing);
  return { nowMs: context.nowMs(), routes: shown, isComplete, rowsPerSecond, flows, deadLetters, places };
};

const readRoutes = ({ pool }: ManageContext): Promise<readonly RouteFact[]> => {
  const { route, state, stateConfig, processor } = pool.tables;
  return withDatabaseErrors('read the routes', () =>
    pool.query<RouteFact>(
      `select r.id as "routeId", r.direction::text, r.state_id as "stateId", n.data as "stateName", s.count as rows,
              r.processor_id as "processorId", p.name as "processorName", p.provider_id as "providerId"
         from ${route} r
         join ${state} s on s.id = r.state_id
         join ${processor} p on p.id = r.processor_id
         left join ${stateConfig} n on n.state_id = s.id and n.attribute = 'name'
        order by r.internal_id limit $1`,
      [maxRoutes + 1],
    ),
  );
};

const readRates = async ({ pool }: ManageContext): Promise<ReadonlyMap<string, number>> => {
  const rows = await withDatabaseErrors('read the rates of states', () =>
    pool.query<{ readonly id: string; readonly rows: number }>(
      `select state_id as id, sum(row_count)::float8 as rows from ${pool.tables.ledger}
        where applied_at >= now() - $1::int * interval '1 second' and state_id is not null group by state_id`,
      [rateSeconds],
    ),
  );
  return new Map(rows.map(({ id, rows: count }) => [id, count / rateSeconds]));
};

const readFlows = async (context: ManageContext): Promise<readonly RouteFlow[]> => {
  const request: ConnectorRequest = { flows: true };
  const reports = (await askReplicas(await context.bus.connection(), request, {
    subject: connectorSubject(context.manageTopic),
    token: context.token,
    waitMs: connectorWaitMs,
  })) as readonly Partial<ConnectorReport>[];
  return reports.flatMap(({ flows }) => (Array.isArray(flows) ? (flows as readonly RouteFlow[]) : []));
};

const readDeadLetters = async (context: ManageContext): Promise<GraphFacts['deadLetters']> => {
  const store = createDeadLetterStore(await context.bus.connection(), context.routing.deadLetter.stream);
  const summary = await store.summary();
  if (summary === undefined || summary.messages === 0) return [];
  const found: GraphFacts['deadLetters'][number][] = [];
  for await (const letter of store.newestFirst(summary.lastSequence, summary.firstSequence)) {
    const { stateId, routeId } = describeDeadLetter(letter, undefined);
    found.push({ stateId, routeId });
    if (found.length === maxDeadLetters) break;
  }
  return found;
};

type Place = Pick<GraphProcessor, 'stream' | 'subject' | 'waiting'>;

const readPlaces = async (
  context: ManageContext,
  providers: ReadonlySet<string>,
  orNothing: <T>(doing: string, work: Promise<T>, nothing: T) => Promise<T>,
): Promise<ReadonlyMap<string, Place>> => {
  const routes = [...providers].flatMap((provider) => {
    const route = matchRoute(context.routing.routes, provider);
    return route === undefined ? [] : [[provider, route] as const];
  });
  const waiting = new Map<string, number | null>();
  for (const [, { name, jetstreamEnabled }] of routes) {
    if (jetstreamEnabled && !waiting.has(name)) {
      waiting.set(name, await orNothing(`read stream ${name}`, readWaiting(context, name), null));
    }
  }
  return new Map(
    routes.map(([provider, { name, subject }]) => [
      provider,
      { stream: name, subject, waiting: waiting.get(name) ?? null },
    ]),
  );
};

/** What the consumers of a stream were not given yet; all of it if it has none. */
const readWaiting = async (context: ManageContext, stream: string): Promise<number | null> => {
  const status = await readStreamStatus(await context.bus.connection(), stream);
  if (status === undefined) return null;
  if (status.consumers.length === 0) return status.messages;
  return status.consumers.reduce((sum, { pending, ackPending }) => sum + pending + ackPending, 0);
};
