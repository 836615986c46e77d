import type { IdentityUse } from '../../shared/message/content-hash.ts';
import type { Delivery } from '../../shared/message/delivery.ts';
import type { OutgoingMessage, PublishOutcome } from '../../shared/message/outgoing-message.ts';
import type { EvaluatorFactory } from '../../shared/state/evaluator.ts';
import { monitorSelector, routerSelector, type RouteConfig, type Routing } from '../../shared/routing/routing.ts';
import { requireRoute } from '../../shared/routing/selector.ts';
import type { Steps } from '../../shared/state/steps.ts';
import type { ColumnDefinition, Processor, Route, Row } from '../../shared/state/state-model.ts';

/** What a replay knows of a state; the count is read now, not cached. */
export interface ReplayState {
  readonly id: string;
  /** Number of rows. */
  readonly count: number;
  /** In load order. */
  readonly columns: readonly ColumnDefinition[];
}

/** Which deliveries have been handled to the end: their messages are with the server. */
export interface HandledLedger {
  /** What is known of the ids that were handled, or used by a function that stores rows. */
  read(ids: readonly string[]): Promise<ReadonlyMap<string, IdentityUse & { readonly forwarded: boolean }>>;
  recordHandled(deliveries: readonly Pick<Delivery, 'id' | 'contentHash'>[]): Promise<void>;
}

/**
 * The outside of this function. A lookup that finds nothing gives undefined; one that finds several throws
 * `ambiguous_route`.
 */
export interface EntryPorts {
  loadRoute(id: string): Promise<Route | undefined>;
  loadProcessor(id: string): Promise<Processor | undefined>;
  loadState(id: string): Promise<ReplayState | undefined>;
  /**
   * Rows `[offset, offset + limit)` in order, dense: the row at `offset + i` is item `i`, a missing cell is null. Text
   * for columns that are not json, the parsed value for those that are (`replayRows`). Empty if the state has no
   * columns.
   */
  readPage(state: ReplayState, offset: number, limit: number): Promise<readonly Row[]>;
  /** Publishes for deliveries, their ids aligned with the messages; one outcome per message, in their order. */
  publish(messages: readonly OutgoingMessage[], deliveryIds: readonly string[]): Promise<readonly PublishOutcome[]>;
  maxPayloadBytes(): Promise<number>;
  readonly ledger: HandledLedger;
  readonly evaluatorFor: EvaluatorFactory;
  /** Runs a plan, with turns of the event loop between its steps. */
  run<T>(steps: Steps<T>): Promise<T>;
  /** A clock that only runs forward (milliseconds), for the time budget. */
  nowMs(): number;
}

/** What one call may do before it hands the rest on. */
export interface ReplayLimits {
  /** Rows of one replay in one call. */
  readonly maxReplayRows: number;
  /** Time for the replays of one call. */
  readonly maxReplayMs: number;
}

/** Everything that stays the same between calls. */
export interface EntryContext {
  readonly ports: EntryPorts;
  readonly routes: ReadonlyMap<string, RouteConfig>;
  readonly monitorRoute: RouteConfig;
  readonly routerRoute: RouteConfig;
  readonly limits: ReplayLimits;
}

/** Throws `RoutingError` if the routing file lacks the monitor's or the router's route. */
export const entryContext = (
  ports: EntryPorts,
  routing: Pick<Routing, 'routes'>,
  limits: ReplayLimits = defaultReplayLimits,
): EntryContext => ({
  ports,
  routes: routing.routes,
  monitorRoute: requireRoute(routing.routes, monitorSelector),
  routerRoute: requireRoute(routing.routes, routerSelector),
  limits,
});

const defaultReplayLimits: ReplayLimits = { maxReplayRows: 20_000, maxReplayMs: 8_000 };
