import { TerminalError } from '../errors/sync-error.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { KeyDefinition, Row } from './state-model.ts';

/**
 * Renames the row's keys, already clean, by the definitions (reference.md D.2). Names and aliases of definitions are
 * taken verbatim. If two values get one name, the last one stays at the place of the first.
 *
 * Throws `TerminalError('missing_remap_alias')` if a key that is present has no alias.
 */
export const remap = (row: Row, definitions: readonly KeyDefinition[]): Row => {
  if (definitions.length === 0) return row;
  const aliases = new Map(definitions.map(({ name, alias }) => [name, alias]));
  const renamed = new Map<string, JsonValue>();
  for (const [key, value] of row) {
    const alias = aliases.get(key);
    if (alias === undefined) renamed.set(key, value);
    else if (alias) renamed.set(alias, value);
    else throw new TerminalError('missing_remap_alias', `the column ${key} is to be renamed, but no alias is given`);
  }
  return renamed;
};
