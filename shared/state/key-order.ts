/** In which order the definitions of a composite key make its text: by their ids, or by their names. */
export type KeyOrder = 'id' | 'name';

/** A composite key whose two orders differ, and a stored `state_key_plain` of its state. */
export interface StoredKey {
  /** The names in the key (alias, else name) by the ids of their definitions. */
  readonly byId: readonly string[];
  /** The same by the names of the definitions. */
  readonly byName: readonly string[];
  /** JSON text of a list of name and value pairs. */
  readonly text: string;
}

/**
 * The order that a stored key was made in. The service before us reads key definitions in the order that the database's plan
 * happens to give, and hashes them in that order; the plain key beside the hash shows it.
 *
 * @returns undefined if it tells neither: another form, other names, or both orders are the same
 */
export const keyOrderOf = ({ byId, byName, text }: StoredKey): KeyOrder | undefined => {
  const names = JSON.stringify(namesOf(text));
  const isById = names === JSON.stringify(byId);
  const isByName = names === JSON.stringify(byName);
  if (isById === isByName) return undefined;
  return isById ? 'id' : 'name';
};

/**
 * The one order of an installation.
 * @returns `mixed` if stored keys disagree, undefined if none tells
 */
export const commonKeyOrder = (keys: readonly StoredKey[]): KeyOrder | 'mixed' | undefined => {
  const orders = new Set(keys.map(keyOrderOf).filter((order) => order !== undefined));
  if (orders.size > 1) return 'mixed';
  return [...orders][0];
};

const namesOf = (text: string): readonly string[] | undefined => {
  const pairs = JSON.parse(text) as unknown;
  if (!Array.isArray(pairs)) return undefined;
  const names = pairs.map((pair: unknown) =>
    Array.isArray(pair) && pair.length === 2 ? (pair[0] as unknown) : undefined,
  );
  return names.every((name) => typeof name === 'string') ? names : undefined;
};
