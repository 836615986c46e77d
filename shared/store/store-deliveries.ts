import type { ErrorCode } from '../errors/error-code.ts';
import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { reasonOf, toOutcome } from '../message/to-outcome.ts';
import { memberOf } from '../json/json-value.ts';
import { identityReuse, type IdentityUse } from '../message/content-hash.ts';
import type { Delivery } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import type { OutgoingMessage, PublishOutcome } from '../message/outgoing-message.ts';
import { StaleMetadataError } from '../postgres/database-error.ts';
import type { AppendedDelivery, AppendRequest, AppendResult } from '../postgres/append-request.ts';
import { planForwards } from '../routing/plan-forwards.ts';
import type { RouteConfig } from '../routing/routing.ts';
import type { EvaluatorFactory, ExpressionScope } from '../state/evaluator.ts';
import { planAppend, type PlannedDelivery } from '../state/plan-append.ts';
import type { ColumnDefinition, Route, StateModel } from '../state/state-model.ts';

/** Variables of callable columns (reference.md D.6) without those of the state; a function reads them only if needed. */
export type Scope = ExpressionScope | (() => Promise<ExpressionScope>);

/** A delivery whose state is known: by its `state_id`, or through its OUTPUT route. */
export interface StoreTarget {
  readonly delivery: Delivery;
  readonly stateId: string;
  readonly scope: Scope;
}

/** What storing needs of the world; each is one room behind an interface. */
export interface StorePorts {
  /** @throws RetryableError `unknown_state` */
  state(stateId: string): Promise<StateModel>;
  forwardRoutes(stateId: string): Promise<readonly Route[]>;
  /** The next plan reads the state again: its columns changed, or it is no longer what the cache says. */
  forgetState(stateId: string): void;
  /** @throws StaleMetadataError if the state or a column is no longer what the request says */
  append(request: AppendRequest): Promise<AppendResult>;
  markForwarded(ids: readonly string[]): Promise<void>;
  /** What is stored of those ids already, and whether it was passed on; the unknown ones are absent. */
  readLedger(ids: readonly string[]): Promise<ReadonlyMap<string, IdentityUse & { readonly forwarded: boolean }>>;
  maxPayloadBytes(): Promise<number>;
  publish(messages: readonly OutgoingMessage[], deliveryIds: readonly string[]): Promise<readonly PublishOutcome[]>;
  /** Loaded only for states that have a callable column. */
  evaluators(): Promise<EvaluatorFactory>;
  readonly routerRoute: RouteConfig;
  readonly flatten: 'lossless' | 'reference';
  /** Told of the rows that were stored now. */
  onStored(rows: number): void;
}

/**
 * Stores deliveries and passes them on: load metadata, plan, apply in one statement per state, forward what committed.
 * Returns one outcome for every target; an error of one state is the outcome of that state's deliveries only.
 */
export const storeDeliveries = async (
  targets: readonly StoreTarget[],
  ports: StorePorts,
): Promise<readonly Outcome[]> => {
  const groups = new Map<string, StoreTarget[]>();
  for (const target of targets) {
    const group = groups.get(target.stateId);
    if (group) group.push(target);
    else groups.set(target.stateId, [target]);
  }
  const outcomes = await Promise.all(
    [...groups].map(async ([stateId, group]) => {
      try {
        return await storeGroup(stateId, group, ports);
      } catch (error) {
        ports.forgetState(stateId);
        return group.map(({ delivery }) => toOutcome(delivery.id, error));
      }
    }),
  );
  return acknowledgeStored(outcomes.flat(), targets, ports);
};

/** Metadata that changed under an append is read again this often before the message waits for its next try. */
const maxPlans = 3;

const storeGroup = async (
  stateId: string,
  targets: readonly StoreTarget[],
  ports: StorePorts,
): Promise<readonly Outcome[]> => {
  for (let plans = 1; ; plans += 1) {
    const model = await ports.state(stateId);
    const { columns, dedupe, accepted, rejected } = await planGroup(model, targets, ports);
    if (accepted.length === 0) return rejected;
    const hashes = new Map(targets.map(({ delivery }) => [delivery.id, delivery.contentHash]));
    try {
      const result = await ports.append({
        stateId,
        columns,
        deliveries: accepted.map(({ planned, forwards }) => ({
          ...planned.append,
          forwards: forwards.length > 0,
          contentHash: hashes.get(planned.id) ?? null,
        })),
        dedupe,
      });
      if (result.columns.length !== model.columns.length) ports.forgetState(stateId);
      for (const delivery of result.deliveries) if (delivery.status === 'stored') ports.onStored(delivery.rowCount);
      return [...rejected, ...(await forwardGroup(accepted, result.deliveries, ports))];
    } catch (error) {
      if (!(error instanceof StaleMetadataError) || plans >= maxPlans) throw error;
      ports.forgetState(stateId);
    }
  }
};

/** The forwards of one delivery, planned before anything is stored so that one that can never be sent stores nothing. */
interface Planned {
  readonly planned: PlannedDelivery;
  readonly forwards: readonly OutgoingMessage[];
  /** Plans the forwards again for some of the rows. */
  readonly forwardsOf: (rows: readonly number[]) => readonly OutgoingMessage[];
}

/** One state's deliveries, planned: what to append, what is refused. */
interface GroupPlan {
  readonly columns: readonly ColumnDefinition[];
  readonly dedupe: boolean;
  readonly accepted: readonly Planned[];
  readonly rejected: readonly Outcome[];
}

const noScope: ExpressionScope = new Map();

const planGroup = async (model: StateModel, targets: readonly StoreTarget[], ports: StorePorts): Promise<GroupPlan> => {
  const callable = hasCallable(model);
  const evaluators = callable ? await ports.evaluators() : noEvaluators;
  const byId = new Map(targets.map((target) => [target.delivery.id, target]));
  const plan = planAppend(
    model,
    await Promise.all(
      targets.map(async ({ delivery, scope }) => ({
        id: delivery.id,
        queryState: memberOf(delivery.message, 'query_state'),
        scope: callable ? await scopeOf(scope) : noScope,
        timestampMs: delivery.timestampMs,
      })),
    ),
    { flatten: ports.flatten, evaluators },
  );
  const { dispatch } = plan;
  const forwardRoutes = dispatch === null ? [] : await ports.forwardRoutes(model.id);
  const maxPayloadBytes = forwardRoutes.length === 0 ? 0 : await ports.maxPayloadBytes();
  const accepted: Planned[] = [];
  const rejected = plan.rejections.map(({ id, error }) => toOutcome(id, error));
  for (const planned of plan.deliveries) {
    const { delivery } = byId.get(planned.id)!;
    const forwardsOf = (rows: PlannedDelivery['rows']): readonly OutgoingMessage[] =>
      planForwards({
        delivery,
        rows,
        dispatch,
        forwardRoutes,
        routerRoute: ports.routerRoute,
        maxPayloadBytes,
      });
    try {
      accepted.push({
        planned,
        forwards: forwardsOf(planned.rows),
        forwardsOf: (indexes) => forwardsOf(indexes.map((index) => planned.rows[index]!)),
      });
    } catch (error) {
      rejected.push(toOutcome(planned.id, error));
    }
  }
  return { columns: plan.columns, dedupe: plan.dedupe, accepted, rejected };
};

const hasCallable = (model: StateModel): boolean =>
  model.columns.some((column) => column.callable && column.value !== null && column.value !== '');

const noEvaluators: EvaluatorFactory = () => () => {
  throw new TerminalError('invalid_expression', 'expressions are not loaded');
};

const scopeOf = async (scope: Scope): Promise<ExpressionScope> => (typeof scope === 'function' ? scope() : scope);

/** Publishes what has committed and is not known to be forwarded; then tells the ledger, then acknowledges. */
const forwardGroup = async (
  accepted: readonly Planned[],
  appended: readonly AppendedDelivery[],
  ports: StorePorts,
): Promise<readonly Outcome[]> => {
  const byId = new Map(appended.map((delivery) => [delivery.id, delivery]));
  const outcomes: Outcome[] = [];
  const messages: OutgoingMessage[] = [];
  const owners: string[] = [];
  const waiting = new Set<string>();
  for (const { planned, forwards, forwardsOf } of accepted) {
    const result = byId.get(planned.id);
    if (result === undefined) {
      outcomes.push(toOutcome(planned.id, new RetryableError('no_outcome', 'the append said nothing of the message')));
    } else if (result.status === 'rejected') {
      outcomes.push(toOutcome(planned.id, result.error));
    } else if (result.forwarded || forwards.length === 0) {
      outcomes.push({ id: planned.id, outcome: 'ack' });
    } else {
      // With dedupe only the rows that were stored travel on: the ledger says which, at every attempt the same.
      const own = result.storedRows === undefined ? forwards : forwardsOf(result.storedRows);
      waiting.add(planned.id);
      for (const message of own) {
        messages.push(message);
        owners.push(planned.id);
      }
    }
  }
  if (waiting.size === 0) return outcomes;
  const published = messages.length === 0 ? [] : await ports.publish(messages, owners);
  published.forEach((result, index) => {
    const id = owners[index]!;
    if (result.ok || !waiting.delete(id)) return;
    outcomes.push(toOutcome(id, result.error));
  });
  try {
    if (waiting.size > 0) await ports.markForwarded([...waiting]);
    for (const id of waiting) outcomes.push({ id, outcome: 'ack' });
  } catch (error) {
    for (const id of waiting) outcomes.push(toOutcome(id, error));
  }
  return outcomes;
};

type Rejection = Extract<Outcome, { readonly outcome: 'reject' }>;

/** What the payload alone decides was refused the first time too: it cannot be stored. Nor is it whose id was another's. */
const finalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'missing_query_state',
  'invalid_query_state',
  'identity_reused',
]);

/**
 * A delivery is planned by what the state says now, before the ledger is asked. If somebody edited the state since the
 * delivery was stored, the plan may refuse it. That says nothing of what is done already:
 *
 * - Another message under its id: refused for that.
 * - Stored and passed on: acknowledged.
 * - Stored and not passed on: refused like any other message of that state, under the plan's own code, with a reason
 *   that says so. Nothing is lost: the dead letter is the message, and the ledger knows its rows. Replayed when the
 *   state is in order again, it is only passed on. A retry would hold back the messages behind it until its attempts
 *   are used up, and then refuse it all the same.
 */
const acknowledgeStored = async (
  outcomes: readonly Outcome[],
  targets: readonly StoreTarget[],
  ports: StorePorts,
): Promise<readonly Outcome[]> => {
  const rejected = new Map<string, Rejection>();
  for (const outcome of outcomes) {
    if (outcome.outcome === 'reject' && !finalCodes.has(outcome.code)) rejected.set(outcome.id, outcome);
  }
  if (rejected.size === 0) return outcomes;
  try {
    const ledger = await ports.readLedger([...rejected.keys()]);
    const uses = new Map<string, IdentityUse>(
      targets.map(({ delivery, stateId }) => [delivery.id, { contentHash: delivery.contentHash, stateId }]),
    );
    return outcomes.map((outcome): Outcome => {
      const known = ledger.get(outcome.id);
      const rejection = rejected.get(outcome.id);
      if (known === undefined || rejection === undefined) return outcome;
      const reuse = identityReuse(known, uses.get(outcome.id)!);
      if (reuse !== undefined) return toOutcome(outcome.id, reuse);
      if (known.forwarded) return { id: outcome.id, outcome: 'ack' };
      return { ...rejection, reason: reasonOf(`stored, but not passed on: ${rejection.reason}`) };
    });
  } catch (error) {
    // Whether it is stored is not known: nothing is given up on a guess.
    return outcomes.map((outcome) => (rejected.has(outcome.id) ? toOutcome(outcome.id, error) : outcome));
  }
};
