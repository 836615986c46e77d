import { TerminalError } from '../errors/sync-error.ts';
import { isJsonArray, isJsonObject, JsonFloat, memberOf, type JsonObject, type JsonValue } from '../json/json-value.ts';

/** What the store reads of a state's `properties` (reference.md C), with the defaults filled in. */
export interface StateProperties {
  readonly persistence: {
    /** `clob`: one JSON text per entry; `individual_rows`: lists fan out; any other mode: one row per entry. */
    readonly mode: 'clob' | 'individual_rows' | 'single_row';
    readonly flatten: FlattenMode;
  };
  /** Where rows go after they are stored: `null` unless the mode is `after_save`. */
  readonly dispatch: DispatchMode | null;
  readonly requirePrimaryKey: boolean;
  /** Rows whose key is known already are not stored (`dedup_enabled`). */
  readonly dedupe: boolean;
}

export type FlattenMode = 'dot_notation' | 'json_string' | 'none';
export type DispatchMode = 'batch' | 'individual';

const flattenModes = ['dot_notation', 'json_string', 'none'] as const;
const routingModes = ['disabled', 'immediate', 'after_save'] as const;
const dispatchModes = ['batch', 'individual'] as const;

/**
 * Reads and checks the properties before anything is written (G-21). Missing, null and empty values take the default; a
 * missing, null or empty `dispatch` is `batch` (G-20). A choice is checked where it would be used: `flatten` not under
 * `clob`, `dispatch` only under `after_save`; types are checked everywhere. Unknown keys and persistence modes are fine.
 *
 * Throws `TerminalError('invalid_properties')`.
 */
export const readStateProperties = (properties: JsonObject | null): StateProperties => {
  const root = properties === null ? empty : groupOf(properties, 'properties');
  const persistence = memberGroup(root, 'persistence');
  const routing = memberGroup(root, 'routing');
  const inheritance = memberGroup(root, 'inheritance');
  checkUnused(root, persistence, inheritance);
  const mode = textOf(persistence, 'persistence.mode');
  const flatten = textOf(persistence, 'persistence.flatten');
  const dispatch = textOf(routing, 'routing.dispatch');
  const forwards = choice(textOf(routing, 'routing.mode'), routingModes, 'disabled', 'routing.mode') === 'after_save';
  return {
    persistence: {
      mode: mode === 'clob' || mode === 'individual_rows' ? mode : 'single_row',
      flatten: mode === 'clob' ? 'none' : choice(flatten, flattenModes, 'dot_notation', 'persistence.flatten'),
    },
    dispatch: forwards ? choice(dispatch, dispatchModes, 'batch', 'routing.dispatch') : null,
    requirePrimaryKey: booleanOf(inheritance, 'inheritance.require_primary_key'),
    dedupe: booleanOf(root, 'dedup_enabled'),
  };
};

const empty: JsonObject = {};

const groupOf = (value: JsonValue, path: string): JsonObject => {
  if (!isJsonObject(value)) throw invalid(path, 'an object');
  return value;
};

const invalid = (path: string, wanted: string): TerminalError =>
  new TerminalError('invalid_properties', `the state's property ${path} is not ${wanted}`);

const memberGroup = (root: JsonObject, name: string): JsonObject => {
  const value = memberOf(root, name);
  return value === undefined || value === null ? empty : groupOf(value, name);
};

/**
 * Groups that the store does not use are checked as the reference's model does: wrong types are refused, any text is
 * taken. So a mode that only a newer processor knows does not keep rows from being stored.
 */
const checkUnused = (root: JsonObject, persistence: JsonObject, inheritance: JsonObject): void => {
  textOf(memberGroup(root, 'execution'), 'execution.strategy');
  textOf(inheritance, 'inheritance.mode');
  textOf(persistence, 'persistence.storage_class');
  booleanOf(root, 'append_to_session');
  const enrichments = memberOf(memberGroup(root, 'output'), 'enrichments');
  if (enrichments === undefined || enrichments === null) return;
  if (!isJsonArray(enrichments) || enrichments.some((item) => typeof item !== 'string')) {
    throw invalid('output.enrichments', 'a list of texts');
  }
};

/** The last part of the path names the member; null, empty and missing are the same. */
const textOf = (group: JsonObject, path: string): string => {
  const value = memberOf(group, path.slice(path.lastIndexOf('.') + 1)) ?? '';
  if (typeof value !== 'string') throw invalid(path, 'a text');
  return value;
};

const trueWords = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const falseWords = new Set(['false', 'f', 'no', 'n', 'off', '0']);

/** Booleans as lenient as the reference's model: numbers 0 and 1 and the usual words count. */
const booleanOf = (group: JsonObject, path: string): boolean => {
  const value = memberOf(group, path.slice(path.lastIndexOf('.') + 1));
  if (value === undefined || value === null || value === false) return false;
  if (value === true) return true;
  const plain = value instanceof JsonFloat ? value.value : value;
  if (typeof plain === 'string' || typeof plain === 'number') {
    const word = String(plain).toLowerCase();
    if (trueWords.has(word)) return true;
    if (falseWords.has(word)) return false;
  }
  throw invalid(path, 'true or false');
};

const choice = <T extends string>(value: string, choices: readonly T[], fallback: T, path: string): T => {
  if (value === '') return fallback;
  const found = choices.find((name) => name === value);
  if (found === undefined) throw invalid(path, `one of ${choices.join(', ')}`);
  return found;
};
