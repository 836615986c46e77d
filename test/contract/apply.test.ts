import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../shared/errors/sync-error.ts';
import { memberOf, type JsonObject, type JsonValue } from '../../shared/json/json-value.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import { pythonJson } from '../../shared/json/write-json.ts';
import { prepareState, type ApplyContext } from '../../shared/state/apply-entry.ts';
import type { Evaluator } from '../../shared/state/evaluator.ts';
import { createEvaluator } from '../../shared/python/evaluate.ts';
import { type AppendPlan } from '../../shared/state/plan-append.ts';
import type { ColumnDefinition, KeyDefinition, StateModel } from '../../shared/state/state-model.ts';
import { column, keyDefinition, parseObject, stateModel } from '../support/model-fixtures.ts';
import { applyEntry, planAppend } from '../support/at-once.ts';
import { readVectors, type Vector } from '../support/vectors.ts';

type RecordedKey = Partial<KeyDefinition> & { readonly name: string };
type RecordedColumn = Omit<Partial<ColumnDefinition>, 'dataType'> & {
  readonly name: string;
  readonly data_type?: string;
  readonly display_order?: number | null;
};

interface ApplyInput {
  readonly mode: 'append' | 'save';
  readonly state: { readonly id: string; readonly state_type: string };
  readonly config: {
    readonly primary_key?: readonly RecordedKey[];
    readonly remap_query_state_columns?: readonly RecordedKey[];
    readonly template_columns?: readonly RecordedKey[];
  };
  readonly columns: readonly RecordedColumn[];
  readonly properties: object | null;
  readonly entries_json: readonly string[];
}

interface ApplyExpected {
  readonly applied_json: readonly string[];
  readonly columns: readonly { name: string; data_type: string; display_order: number | null }[];
  readonly data_json?: Readonly<Record<string, string>>;
}

type ApplyVector = Vector<ApplyInput, ApplyExpected>;

const modelOf = ({ input }: ApplyVector): StateModel =>
  stateModel({
    id: input.state.id,
    stateType: input.state.state_type,
    // The save path left out rows whose key it knew; here `dedup_enabled` asks for that.
    properties: parseObject(JSON.stringify({ ...input.properties, dedup_enabled: input.mode === 'save' })),
    columns: input.columns.map(({ data_type: dataType = 'str', display_order: displayOrder = null, ...rest }) =>
      column({ ...rest, dataType, displayOrder }),
    ),
    primaryKey: (input.config.primary_key ?? []).map(keyDefinition),
    remap: (input.config.remap_query_state_columns ?? []).map(keyDefinition),
    templateColumns: (input.config.template_columns ?? []).map(keyDefinition),
  });

const evaluate: Evaluator = (expression, scope) => createEvaluator({ nowMs: 0, seed: 'test' })(expression, scope);

const context: Omit<ApplyContext, 'expansion'> = { flatten: 'reference', scope: new Map(), evaluate };

/** One text per entry, as recorded: a list if the entry was fanned out. */
const applied = (vector: ApplyVector): readonly string[] => {
  const state = prepareState(modelOf(vector));
  const { persistence } = state.properties;
  const mayFanOut = persistence.mode === 'individual_rows' && persistence.flatten === 'dot_notation';
  return vector.input.entries_json.map((text) => {
    const rows = applyEntry(parseJson(text), state, context);
    const fannedOut = mayFanOut && (rows.length > 1 || /\[[^\]]/.test(text));
    return pythonJson(fannedOut ? rows : rows[0]!, { ascii: true });
  });
};

const planned = (vector: ApplyVector): AppendPlan =>
  planAppend(
    modelOf(vector),
    vector.input.entries_json.map((text, index) => ({
      id: String(index),
      queryState: [parseJson(text)],
      scope: new Map(),
      timestampMs: 0,
    })),
    { flatten: 'reference', evaluators: () => evaluate },
  );

const columnsOf = ({ columns }: AppendPlan): ApplyExpected['columns'] =>
  columns.map(({ name, dataType, displayOrder }) => ({ name, data_type: dataType, display_order: displayOrder }));

const codes: Readonly<Record<string, string>> = {
  'empty-entry': 'empty_row',
  'entry-is-list': 'invalid_query_state',
  'entry-is-string': 'invalid_query_state',
  'entry-is-int': 'invalid_query_state',
  'second-entry-empty-fails': 'empty_row',
};
const codeOf = ({ name, error }: ApplyVector): string => {
  if (codes[name] !== undefined) return codes[name];
  const message = error?.message ?? '';
  if (message.startsWith('unable to apply columns')) return 'empty_row';
  if (message.startsWith('remapping of field')) return 'missing_remap_alias';
  if (message.startsWith('template column')) return 'missing_template_column';
  if (message.startsWith('expected string')) return 'invalid_template';
  if (message.startsWith('primary key is not defined')) return 'primary_key_not_defined';
  if (message.startsWith('Invalid state input')) return 'missing_primary_key';
  if (message.includes('is not a valid')) return 'invalid_properties';
  return name.startsWith('callable') ? 'invalid_expression' : 'not mapped';
};

const vectors = readVectors<ApplyInput, ApplyExpected>('apply');
const isDataDecision = ({ name }: ApplyVector): boolean => name === 'callable-data-none-in-append-mode';
const isLoneEmptyKey = ({ expected, error }: ApplyVector): boolean =>
  error === undefined && expected?.columns.length === 0;

describe('entries are applied as recorded (flatten rule: reference)', () => {
  const recorded = vectors.filter((vector) => vector.error === undefined && !isDataDecision(vector));
  it.each(recorded)('$name', (vector) => {
    expect(applied(vector)).toEqual(vector.expected?.applied_json);
  });

  it('callable-data-none-in-append-mode: G-19, the raw entry is always given', () => {
    const vector = vectors.find(isDataDecision)!;
    expect(applied(vector)).toEqual(['{"a": 7, "r": false}']);
  });
});

describe('columns are inferred as recorded (with dedupe if the save path was recorded)', () => {
  const recorded = vectors.filter((vector) => vector.error === undefined && !isLoneEmptyKey(vector));
  it.each(recorded)('$name', (vector) => {
    const plan = planned(vector);
    expect(plan.rejections).toEqual([]);
    expect(columnsOf(plan)).toEqual(vector.expected?.columns);
  });

  it.each(vectors.filter(isLoneEmptyKey))('$name: refused, as no column could hold it', (vector) => {
    expect(planned(vector).rejections).toMatchObject([{ error: { code: 'empty_row' } }]);
  });
});

describe('what the reference refuses is refused with a code, and alone', () => {
  it.each(vectors.filter(({ error }) => error !== undefined))('$name', (vector) => {
    const { deliveries, rejections } = planned(vector);
    expect(rejections).toMatchObject([{ id: String(vector.error?.entry), error: { code: codeOf(vector) } }]);
    expect(rejections[0]!.error).toBeInstanceOf(TerminalError);
    expect(deliveries).toHaveLength(vector.input.entries_json.length - 1);
  });
});

describe('stored values are as recorded on the save path', () => {
  const recorded = vectors.filter(
    ({ expected, name }) => expected?.data_json !== undefined && !/empty-cleaned/.test(name),
  );
  it.each(recorded)('$name', (vector) => {
    const known = new Set<string>();
    const rows: JsonObject[] = [];
    for (const { rows: [row] = [], append } of planned(vector).deliveries) {
      const key = append.stateKeys[0] ?? null;
      if (row === undefined || (key !== null && known.has(key))) continue;
      if (key !== null) known.add(key);
      rows.push(row);
    }
    const values = Object.fromEntries(
      Object.keys(vector.expected?.data_json ?? {}).map((name) => {
        const cells: JsonValue[] = rows.map((row) => memberOf(row, name) ?? null);
        return [name, pythonJson(cells, { ascii: true })];
      }),
    );
    expect(values).toEqual(vector.expected?.data_json);
  });
});
