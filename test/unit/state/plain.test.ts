import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../shared/json/json-value.ts';
import { pythonJson } from '../../../shared/json/write-json.ts';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import { prepareState } from '../../../shared/state/apply-entry.ts';
import { cellList } from '../../../shared/state/column-cells.ts';
import type { AppendPlan, DeliveryToPlan } from '../../../shared/state/plan-append.ts';
import { planPlain } from '../../../shared/state/plan-plain.ts';
import type { StateModel } from '../../../shared/state/state-model.ts';
import { planAppend } from '../../support/at-once.ts';
import { jsonValue } from '../../support/json-arbitraries.ts';
import { column, keyDefinition, parseObject, stateModel } from '../../support/model-fixtures.ts';
import { delivery, noEvaluator } from '../../support/plan-states.ts';

const columns = [
  column({ id: '1', name: 'a', displayOrder: 2 }),
  column({ id: '2', name: 'b', dataType: 'int' }),
  column({ id: '3', name: 'c', dataType: 'json' }),
  column({ id: '4', name: 'D' }),
  column({ id: '5', name: 'state_key' }),
];

/** With a rule that no message meets, every one of them goes through the rules. */
const withRules = (model: StateModel): StateModel => ({
  ...model,
  remap: [keyDefinition({ name: 'never there', alias: 'nor this' })],
});

const said = ({ deliveries, rejections, columns: planned, taken }: AppendPlan): unknown => ({
  columns: planned,
  taken,
  deliveries: deliveries.map(({ id, rows, append }) => ({
    id,
    rows: pythonJson(rows, { ascii: true }),
    append: { ...append, cells: append.cells.map(cellList) },
  })),
  rejections: rejections.map(({ id, error }) => [id, error instanceof TerminalError ? [error.code, error.message] : 0]),
});

const usual = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('', 'x\0', '\ud800', 'é', null, true, 1, 1.5, 1e20),
);
const key = fc.constantFrom('a', 'a', 'b', 'b', 'c', 'D', 'd', 'A', 'a.b', 'new', 'state_key', '', '!');
const entry: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(fc.constantFrom('a', 'b'), usual, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.dictionary(key, fc.oneof(usual, jsonValue), { noNullPrototype: true }) },
  { weight: 1, arbitrary: jsonValue },
);
const message = fc.oneof({ weight: 3, arbitrary: fc.array(entry, { maxLength: 4 }) }, entry);

describe('a message of flat objects whose members are columns', () => {
  it('is planned in one pass, and is what the rules make of it', () => {
    const properties = fc.constantFrom(
      null,
      parseObject('{"persistence":{"mode":"individual_rows"}}'),
      parseObject('{"persistence":{"mode":"clob"}}'),
      parseObject('{"persistence":{"flatten":"json_string"}}'),
      parseObject('{"persistence":{"flatten":"none"}}'),
      parseObject('{"dedup_enabled":true}'),
      parseObject('{"inheritance":{"require_primary_key":true}}'),
    );
    const limits = fc.constantFrom({}, { maxExpandedBytes: 60 }, { maxPlanBytes: 100 });
    const own = fc.constantFrom(columns, columns.slice(0, 2), [...columns, column({ id: '9', name: 'a' })]);
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 4 }),
        properties,
        limits,
        own,
        (values, stateProperties, limit, of) => {
          const model = stateModel({ columns: of, properties: stateProperties });
          const deliveries: readonly DeliveryToPlan[] = values.map((queryState, index) => ({
            ...delivery(`d${index}`, undefined),
            queryState,
          }));
          const options = { ...noEvaluator, ...limit };
          expect(said(planAppend(model, deliveries, options))).toEqual(
            said(planAppend(withRules(model), deliveries, options)),
          );
        },
      ),
      { numRuns: 10_000 },
    );
  });

  const isPlain = (model: Partial<StateModel>, entries: readonly JsonValue[]): boolean => {
    const { plain } = prepareState(stateModel({ columns, ...model }));
    return plain !== undefined && planPlain(entries, plain, 1_000_000) !== undefined;
  };

  it('is one of texts, numbers and nulls', () => {
    expect(isPlain({}, [{ a: 'x', b: 1 }, { a: null }, { b: true }])).toBe(true);
  });

  it.each<[string, JsonValue]>([
    ['a list', { a: [1] }],
    ['a value in a JSON column', { c: 1 }],
    ['a new column', { n: 1 }],
    ['a key that is not clean', { D: 1 }],
    ['a key of its own', { state_key: 'k' }],
    ['a text that no column can hold', { a: '\0' }],
    ['no member', {}],
    ['another kind of value', 'x'],
  ])('is none with %s', (_name, value) => {
    expect(isPlain({}, [{ a: 'x' }, value])).toBe(false);
  });

  it.each<[string, Partial<StateModel>]>([
    ['a primary key', { primaryKey: [keyDefinition({ name: 'a' })] }],
    ['names to change', { remap: [keyDefinition({ name: 'a', alias: 'b' })] }],
    ['a template', { templateColumns: [keyDefinition({ name: 'a' })] }],
    ['a constant', { columns: [...columns, column({ name: 'e', value: '1' })] }],
    ['one text for each entry', { properties: parseObject('{"persistence":{"mode":"clob"}}') }],
    ['keys that are stored once', { properties: parseObject('{"dedup_enabled":true}') }],
  ])('is none for a state with %s', (_name, model) => {
    expect(isPlain(model, [{ a: 'x' }])).toBe(false);
  });
});
