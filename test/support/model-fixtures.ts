import { entriesOf, isJsonObject, type JsonObject } from '../../shared/json/json-value.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import type { ColumnDefinition, KeyDefinition, Row, StateModel } from '../../shared/state/state-model.ts';

export const keyDefinition = (definition: Partial<KeyDefinition> & { readonly name: string }): KeyDefinition => ({
  alias: null,
  required: false,
  callable: false,
  ...definition,
});

export const column = (definition: Partial<ColumnDefinition> & { readonly name: string }): ColumnDefinition => ({
  dataType: 'str',
  displayOrder: null,
  value: null,
  callable: false,
  ...definition,
});

export const stateModel = (model: Partial<StateModel> = {}): StateModel => ({
  id: 's1',
  projectId: null,
  stateType: 'StateConfig',
  config: {},
  properties: null,
  columns: [],
  primaryKey: [],
  remap: [],
  templateColumns: [],
  ...model,
});

export const parseObject = (text: string): JsonObject => {
  const value = parseJson(text);
  if (!isJsonObject(value)) throw new Error('not a JSON object');
  return value;
};

/** The row that a JSON object text describes. */
export const rowOf = (text: string): Row => new Map(entriesOf(parseObject(text)));
