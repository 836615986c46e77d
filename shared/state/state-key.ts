import { hash } from 'node:crypto';
import { TerminalError } from '../errors/sync-error.ts';
import type { JsonValue } from '../json/json-value.ts';
import { pythonRepr } from '../json/python-repr.ts';
import type { KeyDefinition, Row } from './state-model.ts';

/** Names and values of a row's primary key, in the order of the definitions. */
export type KeyValues = ReadonlyMap<string, JsonValue>;

/**
 * Reads the key's values from a row by the names of the definitions, verbatim (reference.md D.7). An absent value is null
 * unless it is required (`TerminalError('missing_primary_key')`); of two values under one alias the last one stays.
 */
export const keyValues = (row: Row, definitions: readonly KeyDefinition[]): KeyValues => {
  const values = new Map<string, JsonValue>();
  for (const definition of definitions) {
    const value = row.get(definition.name);
    if (value === undefined && definition.required) {
      throw new TerminalError('missing_primary_key', `the key column ${definition.name} is required and missing`);
    }
    values.set(definition.alias || definition.name, value ?? null);
  }
  return values;
};

/** What is hashed: Python's text of a list of pairs, `[('id', 7), ('when', None)]` (reference.md D.8). */
export const keyText = (values: KeyValues): string => {
  let text = '';
  for (const [name, value] of values) text += `${text === '' ? '' : ', '}(${pythonRepr(name)}, ${pythonRepr(value)})`;
  return `[${text}]`;
};

/** The last 16 bytes of the SHA-256 of the key's text, written as a UUID whose version bits are whatever they are. */
export const stateKey = (values: KeyValues): string => {
  // The text is well-formed whatever the row holds: the repr escapes lone surrogates.
  const hex = hash('sha256', keyText(values), 'hex').slice(32);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

/** The value of `state_key_plain`: pairs of name and value. */
export const plainKey = (values: KeyValues): JsonValue => [...values];
