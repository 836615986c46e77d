import type { ErrorCode } from '../errors/error-code.ts';
import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { heldBack, reasonOf, toOutcome } from '../message/to-outcome.ts';
import { memberOf } from '../json/json-value.ts';
import { identityReuse, type IdentityUse } from '../message/content-hash.ts';
import type { Delivery } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import type { OutgoingMessage, PublishOutcome } from '../message/outgoing-message.ts';
import { StaleMetadataError } from '../postgres/database-error.ts';
import type { AppendedDelivery, AppendRequest, AppendResult } from '../postgres/append-request.ts';
import { planForwards, type ForwardPlan } from '../routing/plan-forwards.ts';
import type { RouteConfig } from '../routing/routing.ts';
import type { EvaluatorFactory, ExpressionScope } from '../state/evaluator.ts';
import type { PlanPace, PlanShare } from './plan-pace.ts';
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
  /** What one message may expand to. */
  readonly maxExpandedBytes: number;
  /** The most columns that a state may get from data. */
  readonly maxStateColumns: number;
  /** How all plans of the process share its time and memory. */
  readonly pace: PlanPace;
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
  const outcomes = await Promise.all([...groups].map(([stateId, group]) => storeGroup(stateId, group, ports)));
  return acknowledgeStored(outcomes.flat(), targets, ports);
};

/** Metadata that changed under an append is read again this often before the message waits for its next try. */
const maxPlans = 3;

/** About what one plan takes together: a statement or two. Messages beyond it are planned when these are stored. */
const maxPlanBytes = 8 * 1024 * 1024;

const storeGroup = async (
  stateId: string,
  targets: readonly StoreTarget[],
  ports: StorePorts,
): Promise<readonly Outcome[]> => {
  const outcomes: Outcome[] = [];
  let open = targets;
  let plans = 1;
  while (open.length > 0) {
    const share = ports.pace.open();
    try {
      const model = await ports.state(stateId);
      const group = holdBackLater(await planGroup(model, open, ports, share), open);
      const stored = await storeGroupPlan(model, group, ports, share);
      outcomes.push(...group.rejected, ...stored);
      open = group.rest;
      if (stored.some(({ outcome }) => outcome === 'retry')) {
        return [...outcomes, ...open.map(({ delivery }) => heldBack(delivery.id))];
      }
      plans = 1;
    } catch (error) {
      ports.forgetState(stateId);
      if (error instanceof StaleMetadataError && plans < maxPlans) plans += 1;
      else return [...outcomes, ...open.map(({ delivery }) => toOutcome(delivery.id, error))];
    } finally {
      share.release();
    }
  }
  return outcomes;
};

/** One statement for what is accepted, then its forwards. */
const storeGroupPlan = async (
  model: StateModel,
  { columns, dedupe, accepted }: GroupPlan,
  ports: StorePorts,
  share: PlanShare,
): Promise<readonly Outcome[]> => {
  if (accepted.length === 0) return [];
  const result = await ports.append({
    stateId: model.id,
    columns,
    deliveries: accepted.map(({ delivery, planned, forwards }) => ({
      ...planned.append,
      forwards: !forwards.isEmpty,
      contentHash: delivery.contentHash,
    })),
    dedupe,
  });
  if (result.columns.length !== model.columns.length) ports.forgetState(model.id);
  for (const delivery of result.deliveries) if (delivery.status === 'stored') ports.onStored(delivery.rowCount);
  return forwardGroup(accepted, result.deliveries, ports, share);
};

/** The forwards of one delivery are planned before anything is stored, so that one that can never be sent stores nothing. */
interface Planned {
  readonly delivery: Delivery;
  readonly planned: PlannedDelivery;
  readonly forwards: ForwardPlan;
}

/** One state's deliveries, planned: what to append, what is refused, what is left for the next plan. */
interface GroupPlan {
  readonly columns: readonly ColumnDefinition[];
  readonly dedupe: boolean;
  readonly accepted: readonly Planned[];
  readonly rejected: readonly Outcome[];
  readonly rest: readonly StoreTarget[];
}

const noScope: ExpressionScope = new Map();

const planGroup = async (
  model: StateModel,
  targets: readonly StoreTarget[],
  ports: StorePorts,
  share: PlanShare,
): Promise<GroupPlan> => {
  const callable = hasCallable(model);
  const evaluators = callable ? await ports.evaluators() : noEvaluators;
  const accepted: Planned[] = [];
  const rejected: Outcome[] = [];
  const scopes = await Promise.all(
    targets.map(async ({ delivery, scope }) => {
      try {
        return callable ? await scopeOf(scope) : noScope;
      } catch (error) {
        rejected.push(toOutcome(delivery.id, error));
        return undefined;
      }
    }),
  );
  const known = targets.flatMap((target, index) => {
    const scope = scopes[index];
    return scope === undefined ? [] : [{ target, scope }];
  });
  const plan = await share.run(
    planAppend(
      model,
      known.map(({ target: { delivery }, scope }) => ({
        id: delivery.id,
        queryState: memberOf(delivery.message, 'query_state'),
        scope,
        timestampMs: delivery.timestampMs,
      })),
      {
        flatten: ports.flatten,
        evaluators,
        maxExpandedBytes: ports.maxExpandedBytes,
        maxStateColumns: ports.maxStateColumns,
        maxPlanBytes,
      },
    ),
  );
  for (const { id, error } of plan.rejections) rejected.push(toOutcome(id, error));
  const { dispatch } = plan;
  const forwardRoutes = dispatch === null ? [] : await ports.forwardRoutes(model.id);
  const maxPayloadBytes = forwardRoutes.length === 0 ? 0 : await ports.maxPayloadBytes();
  const heldBytes = plan.deliveries.reduce((sum, { append }) => sum + append.bytes, 0);
  const byId = new Map(targets.map(({ delivery }) => [delivery.id, delivery]));
  for (const planned of plan.deliveries) {
    const delivery = byId.get(planned.id)!;
    try {
      const { rows } = planned;
      const { routerRoute, maxExpandedBytes } = ports;
      const forwards = await share.run(
        planForwards({
          delivery,
          rows,
          dispatch,
          forwardRoutes,
          routerRoute,
          maxPayloadBytes,
          maxExpandedBytes,
          heldBytes,
        }),
      );
      accepted.push({ delivery, planned, forwards });
    } catch (error) {
      rejected.push(toOutcome(planned.id, error));
    }
  }
  const rest = known.slice(plan.taken).map(({ target }) => target);
  return { columns: plan.columns, dedupe: plan.dedupe, accepted, rejected, rest };
};

/** Rows are stored in the order of their messages: what comes after one that is tried again waits for it. */
const holdBackLater = (group: GroupPlan, targets: readonly StoreTarget[]): GroupPlan => {
  const retried = new Set(group.rejected.flatMap(({ id, outcome }) => (outcome === 'retry' ? [id] : [])));
  if (retried.size === 0) return group;
  const first = targets.findIndex(({ delivery }) => retried.has(delivery.id));
  const later = new Set(targets.slice(first + 1).map(({ delivery }) => delivery.id));
  return {
    ...group,
    accepted: group.accepted.filter(({ delivery }) => !later.has(delivery.id)),
    rejected: [
      ...group.rejected,
      ...group.accepted.flatMap(({ delivery }) => (later.has(delivery.id) ? [heldBack(delivery.id)] : [])),
      ...group.rest.map(({ delivery }) => heldBack(delivery.id)),
    ],
    rest: [],
  };
};

const hasCallable = (model: StateModel): boolean =>
  model.columns.some((column) => column.callable && column.value !== null && column.value !== '');

const noEvaluators: EvaluatorFactory = () => () => {
  throw new TerminalError('invalid_expression', 'expressions are not loaded');
};

const scopeOf = async (scope: Scope): Promise<ExpressionScope> => (typeof scope === 'function' ? scope() : scope);

/** What is published at the same time. */
const maxPublishedBytes = 4 * 1024 * 1024;
const maxPublishedMessages = 1_000;

/** Publishes what has committed and is not known to be forwarded; then tells the ledger, then acknowledges. */
const forwardGroup = async (
  accepted: readonly Planned[],
  appended: readonly AppendedDelivery[],
  ports: StorePorts,
  share: PlanShare,
): Promise<readonly Outcome[]> => {
  const byId = new Map(appended.map((delivery) => [delivery.id, delivery]));
  const outcomes: Outcome[] = [];
  const waiting = new Map<string, Generator<OutgoingMessage>>();
  for (const { planned, forwards } of accepted) {
    const result = byId.get(planned.id);
    if (result === undefined) {
      outcomes.push(toOutcome(planned.id, new RetryableError('no_outcome', 'the append said nothing of the message')));
    } else if (result.status === 'rejected') {
      outcomes.push(toOutcome(planned.id, result.error));
    } else if (result.forwarded || forwards.isEmpty) {
      outcomes.push({ id: planned.id, outcome: 'ack' });
    } else {
      // With dedupe only the rows that were stored travel on: the ledger says which, at every attempt the same.
      waiting.set(planned.id, forwards.messages(result.storedRows));
    }
  }
  if (waiting.size === 0) return outcomes;
  const failed = await publishStreamed(waiting, ports, share);
  outcomes.push(...failed.values());
  const forwarded = [...waiting.keys()].filter((id) => !failed.has(id));
  try {
    if (forwarded.length > 0) await ports.markForwarded(forwarded);
    for (const id of forwarded) outcomes.push({ id, outcome: 'ack' });
  } catch (error) {
    for (const id of forwarded) outcomes.push(toOutcome(id, error));
  }
  return outcomes;
};

/** Makes the messages as they are sent, so that they are never all there; the deliveries of which one failed. */
const publishStreamed = async (
  messages: ReadonlyMap<string, Iterable<OutgoingMessage>>,
  ports: StorePorts,
  share: PlanShare,
): Promise<ReadonlyMap<string, Outcome>> => {
  const failed = new Map<string, Outcome>();
  let owners: string[] = [];
  let batch: OutgoingMessage[] = [];
  let bytes = 0;
  const send = async (): Promise<void> => {
    const [sentOwners, sent] = [owners, batch];
    [owners, batch, bytes] = [[], [], 0];
    const published = sent.length === 0 ? [] : await ports.publish(sent, sentOwners);
    for (const [index, result] of published.entries()) {
      const id = sentOwners[index]!;
      if (!result.ok && !failed.has(id)) failed.set(id, toOutcome(id, result.error));
    }
  };
  for (const [id, own] of messages) {
    for (const message of own) {
      // What is left of it is sent at its next try.
      if (failed.has(id)) break;
      batch.push(message);
      owners.push(id);
      bytes += message.payload.length;
      if (bytes >= maxPublishedBytes || batch.length >= maxPublishedMessages) await send();
      const pause = share.pause();
      if (pause !== undefined) await pause;
    }
  }
  await send();
  return failed;
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
