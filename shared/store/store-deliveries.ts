import { heldBack, toOutcome } from '../message/to-outcome.ts';
import type { Outcome } from '../message/outcome.ts';
import { StaleMetadataError } from '../postgres/database-error.ts';
import type { StateModel } from '../state/state-model.ts';
import { acknowledgeStored } from './acknowledge-stored.ts';
import { forwardGroup } from './forward-group.ts';
import { holdBackLater, planGroup, type GroupPlan } from './plan-group.ts';
import type { PlanShare } from '../function/plan-pace.ts';
import type { StorePorts, StoreTarget } from './store-ports.ts';

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
      const found = ports.state(stateId);
      const model = found instanceof Promise ? await found : found;
      const planning = planGroup(model, open, ports, share);
      const group = holdBackLater(planning instanceof Promise ? await planning : planning, open);
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
const storeGroupPlan = (
  model: StateModel,
  { columns, dedupe, accepted }: GroupPlan,
  ports: StorePorts,
  share: PlanShare,
): Promise<readonly Outcome[]> => {
  if (accepted.length === 0) return Promise.resolve([]);
  const deliveries = accepted.map(({ delivery: { contentHash }, planned: { append }, forwards }) => {
    const { id, rowCount, cells, stateKeys, bytes } = append;
    return { id, rowCount, cells, stateKeys, bytes, forwards: !forwards.isEmpty, contentHash };
  });
  return ports.append({ stateId: model.id, columns, deliveries, dedupe }).then((result) => {
    if (result.columns.length !== model.columns.length) ports.forgetState(model.id);
    for (const delivery of result.deliveries) if (delivery.status === 'stored') ports.onStored(delivery.rowCount);
    return forwardGroup(accepted, result.deliveries, ports, share);
  });
};
