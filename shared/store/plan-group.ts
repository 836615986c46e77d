import { TerminalError } from '../errors/sync-error.ts';
import { memberOf } from '../json/json-value.ts';
import type { Delivery } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { heldBack, toOutcome } from '../message/to-outcome.ts';
import { noForwards, planFewForwards, planForwards, type ForwardPlan } from '../routing/plan-forwards.ts';
import type { EvaluatorFactory, ExpressionScope } from '../state/evaluator.ts';
import {
  planAppend,
  planFew,
  type AppendPlan,
  type DeliveryToPlan,
  type PlannedDelivery,
} from '../state/plan-append.ts';
import type { ColumnDefinition, StateModel } from '../state/state-model.ts';
import type { PlanShare } from '../function/plan-pace.ts';
import type { Scope, StorePorts, StoreTarget } from './store-ports.ts';

/** The forwards of one delivery are planned before anything is stored, so that one that can never be sent stores nothing. */
export interface Planned {
  readonly delivery: Delivery;
  readonly planned: PlannedDelivery;
  readonly forwards: ForwardPlan;
}

/** One state's deliveries, planned: what to append, what is refused, what is left for the next plan. */
export interface GroupPlan {
  readonly columns: readonly ColumnDefinition[];
  readonly dedupe: boolean;
  readonly accepted: readonly Planned[];
  readonly rejected: readonly Outcome[];
  readonly rest: readonly StoreTarget[];
}

/**
 * Plans as many deliveries of one state as one statement takes: their rows, then the forwards of each. Stores nothing. Where
 * nothing has to be waited for there is no promise: a batch may be of a thousand states.
 */
export const planGroup = (
  model: StateModel,
  targets: readonly StoreTarget[],
  ports: StorePorts,
  share: PlanShare,
): GroupPlan | Promise<GroupPlan> => {
  if (hasCallable(model)) return planWithExpressions(model, targets, ports, share);
  const scoped = targets.map((target) => scopedTarget(target, noScope));
  return planScoped({ model, scoped, evaluators: noEvaluators, rejected: [] }, ports, share);
};

/** Rows are stored in the order of their messages: what comes after one that is tried again waits for it. */
export const holdBackLater = (group: GroupPlan, targets: readonly StoreTarget[]): GroupPlan => {
  if (group.rejected.length === 0) return group;
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

/** What is planned, and the outcomes of those whose variables cannot be read. */
interface ScopedGroup {
  readonly model: StateModel;
  readonly scoped: readonly ScopedTarget[];
  readonly evaluators: EvaluatorFactory;
  readonly rejected: readonly Outcome[];
}

const planWithExpressions = async (
  model: StateModel,
  targets: readonly StoreTarget[],
  ports: StorePorts,
  share: PlanShare,
): Promise<GroupPlan> => {
  const evaluators = await ports.evaluators();
  const { scoped, rejected } = await readScopes(targets);
  return planScoped({ model, scoped, evaluators, rejected }, ports, share);
};

const planScoped = (group: ScopedGroup, ports: StorePorts, share: PlanShare): GroupPlan | Promise<GroupPlan> => {
  const planning = planRows(group, ports, share);
  return planning instanceof Promise
    ? planning.then((plan) => withForwards(group, plan, ports, share))
    : withForwards(group, planning, ports, share);
};

const withForwards = (
  group: ScopedGroup,
  plan: AppendPlan,
  ports: StorePorts,
  share: PlanShare,
): GroupPlan | Promise<GroupPlan> =>
  plan.dispatch === null
    ? groupPlan(group, plan, withoutForwards(group, plan))
    : planAllForwards(group, plan, ports, share).then((forwarded) => groupPlan(group, plan, forwarded));

const groupPlan = (
  { scoped, rejected }: ScopedGroup,
  { columns, dedupe, rejections, taken }: AppendPlan,
  forwarded: ForwardedGroup,
): GroupPlan => ({
  columns,
  dedupe,
  accepted: forwarded.accepted,
  rejected: [...rejected, ...rejections.map(({ id, error }) => toOutcome(id, error)), ...forwarded.rejected],
  rest: taken === scoped.length ? [] : scoped.slice(taken).map(({ target }) => target),
});

/** A target with the variables of its expressions, as it is planned. */
interface ScopedTarget extends DeliveryToPlan {
  readonly target: StoreTarget;
}

const scopedTarget = (target: StoreTarget, scope: ExpressionScope): ScopedTarget => {
  const { id, message, timestampMs } = target.delivery;
  return { id, queryState: memberOf(message, 'query_state'), scope, timestampMs, target };
};

const noScope: ExpressionScope = new Map();

/** A target whose variables cannot be read is rejected. */
const readScopes = async (
  targets: readonly StoreTarget[],
): Promise<{ readonly scoped: readonly ScopedTarget[]; readonly rejected: readonly Outcome[] }> => {
  const rejected: Outcome[] = [];
  const scopes = await Promise.all(
    targets.map(async ({ delivery, scope }) => {
      try {
        return await scopeOf(scope);
      } catch (error) {
        rejected.push(toOutcome(delivery.id, error));
        return undefined;
      }
    }),
  );
  const scoped = targets.flatMap((target, index) => {
    const scope = scopes[index];
    return scope === undefined ? [] : [scopedTarget(target, scope)];
  });
  return { scoped, rejected };
};

/** About what one plan takes together: a statement or two. Messages beyond it are planned when these are stored. */
const maxPlanBytes = 8 * 1024 * 1024;

const planRows = (
  { model, scoped, evaluators }: ScopedGroup,
  { flatten, maxExpandedBytes, maxStateColumns }: StorePorts,
  share: PlanShare,
): AppendPlan | Promise<AppendPlan> => {
  const options = { flatten, evaluators, maxExpandedBytes, maxStateColumns, maxPlanBytes };
  const few = planFew(model, scoped, options);
  if (few === undefined) return share.runSoon(planAppend(model, scoped, options));
  const wait = share.hold(heldBytesOf(few));
  return wait === undefined ? few : wait.then(() => few);
};

const heldBytesOf = ({ deliveries }: AppendPlan): number =>
  deliveries.reduce((sum, { append }) => sum + append.bytes, 0);

type ForwardedGroup = Pick<GroupPlan, 'accepted' | 'rejected'>;

/** The rows are not passed on. */
const withoutForwards = ({ scoped }: ScopedGroup, { deliveries }: AppendPlan): ForwardedGroup => {
  const deliveryOf = inOrder(scoped);
  return {
    accepted: deliveries.map((planned) => ({ delivery: deliveryOf(planned.id), planned, forwards: noForwards })),
    rejected: [],
  };
};

/** The forwards of every delivery whose rows are planned; one whose forwards can never be sent is rejected. */
const planAllForwards = async (
  group: ScopedGroup,
  plan: AppendPlan,
  ports: StorePorts,
  share: PlanShare,
): Promise<ForwardedGroup> => {
  // The message server first: a function that has just started connects to it while the database is asked.
  const limit = ports.maxPayloadBytes();
  // If it is away, that is said where its answer is needed: a state that nothing stands behind does not need it.
  limit.catch(() => undefined);
  const forwardRoutes = await ports.forwardRoutes(group.model.id);
  if (forwardRoutes.length === 0) return withoutForwards(group, plan);
  const maxPayloadBytes = await limit;
  const { routerRoute, maxExpandedBytes } = ports;
  const heldBytes = heldBytesOf(plan);
  const { dispatch } = plan;
  const target = { dispatch, forwardRoutes, routerRoute, maxPayloadBytes, maxExpandedBytes, heldBytes };
  const accepted: Planned[] = [];
  const rejected: Outcome[] = [];
  const deliveryOf = inOrder(group.scoped);
  for (const planned of plan.deliveries) {
    const delivery = deliveryOf(planned.id);
    try {
      const planning =
        planFewForwards(target, delivery, planned.rows) ?? share.runSoon(planForwards(target, delivery, planned.rows));
      const forwards = planning instanceof Promise ? await planning : planning;
      accepted.push({ delivery, planned, forwards });
      const pause = share.pause();
      if (pause !== undefined) await pause;
    } catch (error) {
      rejected.push(toOutcome(planned.id, error));
    }
  }
  return { accepted, rejected };
};

/** Finds the delivery of each id in turn: the ids asked for come in the order of the targets. */
const inOrder = (scoped: readonly ScopedTarget[]): ((id: string) => Delivery) => {
  let at = 0;
  return (id) => {
    while (scoped[at]!.id !== id) at += 1;
    return scoped[at]!.target.delivery;
  };
};

const hasCallable = (model: StateModel): boolean =>
  model.columns.some((column) => column.callable && column.value !== null && column.value !== '');

const noEvaluators: EvaluatorFactory = () => () => {
  throw new TerminalError('invalid_expression', 'expressions are not loaded');
};

const scopeOf = async (scope: Scope): Promise<ExpressionScope> => (typeof scope === 'function' ? scope() : scope);
