import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellList } from '../../../shared/state/column-cells.ts';
import { jsonValue } from '../../support/json-arbitraries.ts';
import { column, keyDefinition, parseObject, stateModel } from '../../support/model-fixtures.ts';
import { planAppend } from '../../support/at-once.ts';
import {
  cells,
  delivery,
  names,
  noEvaluator,
  plan,
  rejectionCodes,
  withProperties,
} from '../../support/plan-states.ts';

describe('a plan', () => {
  it('has cells by column and row, texts for values and null for what a row lacks', () => {
    const result = plan(stateModel({ columns: [column({ name: 'old', id: '1', displayOrder: 4 })] }), [
      '[{"A":1,"b":"x"},{"b":1.0,"old":null}]',
    ]);
    expect(names(result)).toEqual(['old', 'a', 'b']);
    expect(cells(result)).toEqual([
      [
        [null, null],
        ['1', null],
        ['x', '1.0'],
      ],
    ]);
    expect(result.columns.slice(1)).toEqual([
      { name: 'a', dataType: 'int', displayOrder: 5, value: null, callable: false },
      { name: 'b', dataType: 'str', displayOrder: 6, value: null, callable: false },
    ]);
  });

  it('shows the columns of a delivery to the ones after it, and gives null cells to the ones before', () => {
    const result = plan(stateModel(), ['[{"a":1}]', '[{"b":true},{"a":2}]', '[{"b":"text"}]']);
    expect(result.columns.map(({ name, dataType }) => [name, dataType])).toEqual([
      ['a', 'int'],
      ['b', 'bool'],
    ]);
    expect(cells(result)).toEqual([
      [['1'], [null]],
      [
        [null, '2'],
        ['true', null],
      ],
      [[null], ['text']],
    ]);
  });

  it('G-3: refuses a bad delivery alone, and creates none of its columns', () => {
    const result = plan(stateModel(), [
      '[{"a":1}]',
      '[{"b":1},{"c":"\\u0000"}]',
      '[{"d":1},5]',
      '[{"e":1},{}]',
      '[{"f":2}]',
    ]);
    expect(rejectionCodes(result)).toEqual([
      ['d1', 'unstorable_text'],
      ['d2', 'invalid_query_state'],
      ['d3', 'empty_row'],
    ]);
    expect(result.deliveries.map(({ id }) => id)).toEqual(['d0', 'd4']);
    expect(names(result)).toEqual(['a', 'f']);
  });

  it('names every delivery once, with aligned cells, whatever the messages hold, and is the same each time', () => {
    const model = withProperties('{"persistence":{"mode":"individual_rows"}}');
    fc.assert(
      fc.property(fc.array(jsonValue, { maxLength: 6 }), (values) => {
        const deliveries = values.map((queryState, index) => ({ ...delivery(`d${index}`, undefined), queryState }));
        const result = planAppend(model, deliveries, noEvaluator);
        const ids = [...result.deliveries.map(({ id }) => id), ...result.rejections.map(({ id }) => id)];
        expect(ids.toSorted()).toEqual(deliveries.map(({ id }) => id).toSorted());
        for (const { append, rows } of result.deliveries) {
          expect(append.cells.map((column) => cellList(column).length)).toEqual(result.columns.map(() => rows.length));
          expect([append.rowCount, append.stateKeys.length]).toEqual([rows.length, rows.length]);
        }
        expect(planAppend(model, deliveries, noEvaluator)).toEqual(result);
      }),
      { numRuns: 10_000 },
    );
  });

  it.each([
    [undefined, 'missing_query_state'],
    ['null', 'missing_query_state'],
    ['[]', 'missing_query_state'],
    ['""', 'missing_query_state'],
    ['0', 'missing_query_state'],
    ['0.0', 'missing_query_state'],
    ['false', 'missing_query_state'],
    ['{}', 'empty_row'],
    ['[{}]', 'empty_row'],
    ['[{"!!":1}]', 'empty_row'],
    ['5', 'invalid_query_state'],
    ['"text"', 'invalid_query_state'],
    ['[[{"a":1}]]', 'invalid_query_state'],
    ['[null]', 'invalid_query_state'],
  ])('refuses query_state %s as %s', (text, code) => {
    expect(rejectionCodes(plan(stateModel(), [text]))).toEqual([['d0', code]]);
  });

  it('takes an object as one row', () => {
    expect(cells(plan(stateModel(), ['{"a":1}']))).toEqual([[['1']]]);
  });

  it('stores a row of nulls for a row that only has an empty name, once the state has columns', () => {
    expect(cells(plan(stateModel({ columns: [column({ name: 'a' })] }), ['[{"!!":1}]']))).toEqual([[[null]]]);
  });

  it.each([
    ['10,001 rows in a list', () => `[${'{"a":1},'.repeat(10_000)}{"a":1}]`],
    ['a list that expands to 10,001 rows', () => `[{"a":[${'1,'.repeat(10_000)}1]}]`],
    [
      '2,300 rows of 900 columns',
      () => `[${Array.from({ length: 2_300 }, (_, index) => `{"c${index % 900}":1}`).join(',')}]`,
    ],
  ])('refuses %s', (_, text) => {
    const model = withProperties('{"persistence":{"mode":"individual_rows"}}');
    expect(rejectionCodes(plan(model, [text(), '[{"a":1}]']))).toEqual([['d0', 'too_many_rows']]);
  });
});

describe('values that the tables cannot hold', () => {
  it('G-46: column names are refused beyond 255 characters, counted as the database does', () => {
    const result = plan(stateModel(), [
      `[{"${'a'.repeat(255)}":1}]`,
      `[{"${'a'.repeat(256)}":1}]`,
      `[{"${'𐌰'.repeat(255)}":1}]`,
    ]);
    expect(rejectionCodes(result)).toEqual([['d1', 'column_name_too_long']]);
  });

  it('G-33: an incoming state_key without a key definition maps rows by texts only', () => {
    const result = plan(stateModel(), [
      '[{"state_key":"k"},{"state_key":5},{"state_key":""},{"state_key":{"a":1}},{"state_key":null}]',
    ]);
    expect(result.deliveries[0]!.append.stateKeys).toEqual(['k', null, null, null, null]);
    expect(rejectionCodes(plan(stateModel(), [`[{"state_key":"${'k'.repeat(256)}"}]`]))).toEqual([
      ['d0', 'value_too_long'],
    ]);
  });

  it('G-42: a column whose type is null or STR holds texts', () => {
    const nothing = null as unknown as string;
    const model = stateModel({
      columns: [column({ name: 'a', dataType: 'STR' }), column({ name: 'b', dataType: nothing })],
    });
    expect(cells(plan(model, ['[{"a":"1","b":1e16}]']))).toEqual([[['1'], ['10000000000000000']]]);
  });

  it('G-27: an object that comes after a null is stored as JSON text', () => {
    const result = plan(withProperties('{"persistence":{"flatten":"none"}}'), [
      '[{"a":null},{"a":{"x":1}}]',
      '[{"b":[1]}]',
    ]);
    expect(result.columns.map(({ dataType }) => dataType)).toEqual(['str', 'json']);
    expect(cells(result)).toEqual([
      [
        [null, '{"x": 1}'],
        [null, null],
      ],
      [[null], ['[1]']],
    ]);
  });
});

describe('unclean column names (G-28)', () => {
  const raw = stateModel({
    remap: [keyDefinition({ name: 'a', alias: 'Z z' })],
    properties: parseObject('{"persistence":{"flatten":"none"}}'),
  });

  it('a raw alias becomes a column once, however the rows differ', () => {
    expect(names(plan(raw, ['[{"a":1}]', '[{"a":2,"b":3}]', '[{"a":4,"c":5}]']))).toEqual(['Z z', 'b', 'c']);
  });

  it('a raw alias fills the column of its clean name if that is the one there is', () => {
    const result = plan({ ...raw, columns: [column({ name: 'z_z' })] }, ['[{"a":1}]']);
    expect([names(result), cells(result)]).toEqual([['z_z'], [[['1']]]]);
  });

  it('a raw alias beside its own clean name keeps both values', () => {
    const result = plan({ ...raw, columns: [column({ name: 'z_z' })] }, ['[{"a":1,"z_z":2}]']);
    expect([names(result), cells(result)]).toEqual([['z_z', 'Z z'], [[['2'], ['1']]]]);
  });
});
