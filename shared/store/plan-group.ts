import { TerminalError } from '../errors/sync-error.ts';
import { memberOf } from '../json/json-value.ts';
import type { Delivery } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { heldBack, toOutcome } from '../message/to-outcome.ts';
import { planForwards, type ForwardPlan } from '../routing/plan-forwards.ts';
import type { EvaluatorFactory, ExpressionScope } from '../state/evaluator.ts';
import { planAppend, type AppendPlan, type PlannedDelivery } from '../state/plan-append.ts';
import type { ColumnDefinition, StateModel } from '../state/state-model.ts';
import type { PlanShare } from './plan-pace.ts';
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

/** Plans as many deliveries of one state as one statement takes: their rows, then the forwards of each. Stores nothing. */
export const planGroup = async (
  model: StateModel,
  targets: readonly StoreTarget[],
  ports: StorePorts,
  share: PlanShare,
): Promise<GroupPlan> => {
  const callable = hasCallable(model);
  const evaluators = callable ? await ports.evaluators() : noEvaluators;
  const { scoped, rejected } = await readScopes(targets, callable);
  const plan = await planRows(model, scoped, evaluators, ports, share);
  const forwarded = await planAllForwards(model, plan, targets, ports, share);
  return {
    columns: plan.columns,
    dedupe: plan.dedupe,
    accepted: forwarded.accepted,
    rejected: [...rejected, ...plan.rejections.map(({ id, error }) => toOutcome(id, error)), ...forwarded.rejected],
    rest: scoped.slice(plan.taken).map(({ target }) => target),
  };
};

/** Rows are stored in the order of their messages: what comes after one that is tried again waits for it. */
export const holdBackLater = (group: GroupPlan, targets: readonly StoreTarget[]): GroupPlan => {
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

/** A target with the variables of its expressions. */
interface ScopedTarget {
  readonly target: StoreTarget;
  readonly scope: ExpressionScope;
}

const noScope: ExpressionScope = new Map();

/** Reads the variables only if the state has a callable column; a target whose variables cannot be read is rejected. */
const readScopes = async (
  targets: readonly StoreTarget[],
  callable: boolean,
): Promise<{ readonly scoped: readonly ScopedTarget[]; readonly rejected: readonly Outcome[] }> => {
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
  const scoped = targets.flatMap((target, index) => {
    const scope = scopes[index];
    return scope === undefined ? [] : [{ target, scope }];
  });
  return { scoped, rejected };
};

/** About what one plan takes together: a statement or two. Messages beyond it are planned when these are stored. */
const maxPlanBytes = 8 * 1024 * 1024;

const planRows = (
  model: StateModel,
  scoped: readonly ScopedTarget[],
  evaluators: EvaluatorFactory,
  { flatten, maxExpandedBytes, maxStateColumns }: StorePorts,
  share: PlanShare,
): Promise<AppendPlan> => {
  const deliveries = scoped.map(({ target: { delivery }, scope }) => ({
    id: delivery.id,
    queryState: memberOf(delivery.message, 'query_state'),
    scope,
    timestampMs: delivery.timestampMs,
  }));
  return share.run(
    planAppend(model, deliveries, { flatten, evaluators, maxExpandedBytes, maxStateColumns, maxPlanBytes }),
  );
};

/** The forwards of every delivery whose rows are planned; one whose forwards can never be sent is rejected. */
const planAllForwards = async (
  model: StateModel,
  { deliveries, dispatch }: AppendPlan,
  targets: readonly StoreTarget[],
  ports: StorePorts,
  share: PlanShare,
): Promise<Pick<GroupPlan, 'accepted' | 'rejected'>> => {
  const accepted: Planned[] = [];
  const rejected: Outcome[] = [];
  const forwardRoutes = dispatch === null ? [] : await ports.forwardRoutes(model.id);
  const maxPayloadBytes = forwardRoutes.length === 0 ? 0 : await ports.maxPayloadBytes();
  const heldBytes = deliveries.reduce((sum, { append }) => sum + append.bytes, 0);
  const { routerRoute, maxExpandedBytes } = ports;
  const common = { dispatch, forwardRoutes, routerRoute, maxPayloadBytes, maxExpandedBytes, heldBytes };
  const byId = new Map(targets.map(({ delivery }) => [delivery.id, delivery]));
  for (const planned of deliveries) {
    const delivery = byId.get(planned.id)!;
    try {
      const forwards = await share.run(planForwards({ ...common, delivery, rows: planned.rows }));
      accepted.push({ delivery, planned, forwards });
    } catch (error) {
      rejected.push(toOutcome(planned.id, error));
    }
  }
  return { accepted, rejected };
};

const hasCallable = (model: StateModel): boolean =>
  model.columns.some((column) => column.callable && column.value !== null && column.value !== '');

const noEvaluators: EvaluatorFactory = () => () => {
  throw new TerminalError('invalid_expression', 'expressions are not loaded');
};

const scopeOf = async (scope: Scope): Promise<ExpressionScope> => (typeof scope === 'function' ? scope() : scope);
