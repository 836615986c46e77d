import { TerminalError } from '../../shared/errors/sync-error.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import { cellList } from '../../shared/state/column-cells.ts';
import type { ScopeValue } from '../../shared/state/evaluator.ts';
import { type AppendPlan, type DeliveryToPlan, type PlanOptions } from '../../shared/state/plan-append.ts';
import type { StateModel } from '../../shared/state/state-model.ts';
import { planAppend } from './at-once.ts';
import { parseObject, stateModel } from './model-fixtures.ts';

export const noEvaluator: PlanOptions = {
  flatten: 'lossless',
  evaluators: () => () => {
    throw new Error('no expression here');
  },
};

export const delivery = (
  id: string,
  queryState: string | undefined,
  scope: ReadonlyMap<string, ScopeValue> = new Map(),
): DeliveryToPlan => ({
  id,
  queryState: queryState === undefined ? undefined : parseJson(queryState),
  scope,
  timestampMs: 1_000,
});

export const plan = (model: StateModel, texts: readonly (string | undefined)[], options = noEvaluator): AppendPlan =>
  planAppend(
    model,
    texts.map((text, index) => delivery(`d${index}`, text)),
    options,
  );

export const rejectionCodes = ({ rejections }: AppendPlan): readonly (readonly [string, string])[] =>
  rejections.map(({ id, error }) => [id, error instanceof TerminalError ? error.code : 'internal_error']);

export const names = ({ columns }: AppendPlan): readonly string[] => columns.map(({ name }) => name);
/** By delivery, column and row, whichever form a column has. */
export const cells = ({ deliveries }: AppendPlan): readonly (readonly (readonly (string | null)[])[])[] =>
  deliveries.map(({ append }) => append.cells.map(cellList));
export const withProperties = (properties: string): StateModel => stateModel({ properties: parseObject(properties) });
