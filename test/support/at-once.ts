import { planForwards as planForwardSteps, type ForwardTarget } from '../../shared/routing/plan-forwards.ts';
import type { Delivery } from '../../shared/message/delivery.ts';
import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import type { JsonObject, JsonValue } from '../../shared/json/json-value.ts';
import {
  applyEntry as applyEntrySteps,
  type ApplyContext,
  type PreparedState,
} from '../../shared/state/apply-entry.ts';
import { Expansion } from '../../shared/state/expansion.ts';
import { flattenLossless as flattenLosslessSteps } from '../../shared/state/flatten-lossless.ts';
import { flattenReference as flattenReferenceSteps, type Flattened } from '../../shared/state/flatten-reference.ts';
import {
  planAppend as planAppendSteps,
  type AppendPlan,
  type DeliveryToPlan,
  type PlanOptions,
} from '../../shared/state/plan-append.ts';
import type { Row, StateModel } from '../../shared/state/state-model.ts';
import { runAtOnce } from '../../shared/state/steps.ts';

/* What the store does in steps, without a pause between them. */

export const flattenLossless = (value: JsonValue, { fanOut }: { readonly fanOut: boolean }): Flattened =>
  runAtOnce(flattenLosslessSteps(value, { fanOut, expansion: new Expansion() }));

export const flattenReference = (value: JsonValue): Flattened =>
  runAtOnce(flattenReferenceSteps(value, new Expansion()));

export const applyEntry = (
  entry: JsonValue,
  state: PreparedState,
  context: Omit<ApplyContext, 'expansion'>,
): readonly Row[] => runAtOnce(applyEntrySteps(entry, state, { ...context, expansion: new Expansion() }));

export const planAppend = (
  model: StateModel,
  deliveries: readonly DeliveryToPlan[],
  options: PlanOptions,
): AppendPlan => runAtOnce(planAppendSteps(model, deliveries, options));

/** A target with what is planned for it. */
export interface ForwardInput extends ForwardTarget {
  readonly delivery: Pick<Delivery, 'id' | 'message'>;
  readonly rows: readonly JsonObject[];
}

export const planForwards = ({ delivery, rows, ...target }: ForwardInput): readonly OutgoingMessage[] => [
  ...runAtOnce(planForwardSteps(target, delivery, rows)).messages(),
];
