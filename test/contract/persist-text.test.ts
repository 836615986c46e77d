import { describe, expect, it } from 'vitest';
import { parseJson } from '../../shared/json/parse-json.ts';
import { pythonJson } from '../../shared/json/write-json.ts';
import { cellText } from '../../shared/state/cell-text.ts';
import { jsonbPrinted } from '../support/jsonb-text.ts';
import { thrownCode } from '../support/thrown-code.ts';
import { readVectors, type Vector } from '../support/vectors.ts';

interface CellInput {
  readonly path: 'append' | 'save-first' | 'save-incremental';
  readonly column_data_type: string;
  readonly value_json: string;
}

interface CellExpected {
  readonly data_value: string | null;
  readonly data_json_value_text: string | null;
}

type CellVector = Vector<CellInput, CellExpected>;

const render = ({ input }: CellVector): CellExpected => {
  const json = input.column_data_type === 'json';
  const text = cellText(parseJson(input.value_json), json);
  return json
    ? { data_value: null, data_json_value_text: text === null ? null : jsonbPrinted(parseJson(text)) }
    : { data_value: text, data_json_value_text: null };
};

const vectors = readVectors<CellInput, CellExpected>('persist-text');
const isText = ({ input }: CellVector): boolean => input.column_data_type !== 'json';
/** The save path reads a string in a json column as JSON; which path ran decided (G-32). A string stays a string. */
const isParsedString = ({ input }: CellVector): boolean =>
  input.path === 'save-incremental' &&
  input.column_data_type === 'json' &&
  /^"(?:123|true|null|\{.*)/.test(input.value_json);
const isUnstorable = ({ input, error }: CellVector): boolean =>
  error !== undefined && (/u0000|ud800/.test(input.value_json) || /NaN|Infinity|1e400/.test(input.value_json));
/** Fails in the reference for what is no fault of the data: must be stored here. */
const isReferenceFault = (vector: CellVector): boolean => vector.error !== undefined && !isUnstorable(vector);

describe('cells are as recorded', () => {
  const same = vectors.filter((vector) => vector.error === undefined && !isParsedString(vector));
  it.each(same)('$name', (vector) => {
    expect(render(vector)).toEqual(vector.expected);
  });
});

describe('what PostgreSQL cannot store is refused with a code', () => {
  it.each(vectors.filter(isUnstorable))('$name', (vector) => {
    expect(thrownCode(() => render(vector))).toBe('unstorable_text');
  });
});

describe('G-27: a container that the reference could not store in a text column is JSON text', () => {
  it.each(vectors.filter((vector) => isReferenceFault(vector) && isText(vector)))('$name', (vector) => {
    const value = parseJson(vector.input.value_json);
    expect(render(vector)).toEqual({ data_value: pythonJson(value, { ascii: true }), data_json_value_text: null });
  });
});

describe('G-6: a json column that the first save could not fill is filled', () => {
  it.each(vectors.filter((vector) => isReferenceFault(vector) && !isText(vector)))('$name', (vector) => {
    const text = vector.input.value_json === 'null' ? null : jsonbPrinted(parseJson(vector.input.value_json));
    expect(render(vector)).toEqual({ data_value: null, data_json_value_text: text });
  });
});

describe('G-32: a string in a json column stays a string on every path', () => {
  it.each(vectors.filter(isParsedString))('$name', (vector) => {
    expect(render(vector)).toEqual({ data_value: null, data_json_value_text: vector.input.value_json });
  });
});

it('every recorded cell is in one of the groups above', () => {
  const grouped = vectors.filter(
    (vector) => vector.error === undefined || isUnstorable(vector) || isReferenceFault(vector),
  );
  expect(grouped).toHaveLength(vectors.length);
});
