import type { StoredState } from './observe.ts';

/** A message without an id is told by its place and the time at which a server stored it, to the nanosecond. */
const placeIn = (identity: string): { readonly place: string; readonly storedNs: string } | undefined => {
  const [, place, storedNs] = /^(.+\/\d+)@(\d{19})$/.exec(identity) ?? [];
  return place === undefined || storedNs === undefined ? undefined : { place, storedNs };
};

/** What servers did by themselves: they gave the same message out at two places of their stream. */
export const findDoubledByServers = (stored: ReadonlyMap<string, StoredState>): readonly string[] => {
  const places = new Map<string, string>();
  const texts: string[] = [];
  for (const { ledger } of stored.values()) {
    for (const { id } of ledger) {
      const found = placeIn(id);
      if (found === undefined) continue;
      const before = places.get(found.storedNs);
      if (before !== undefined) texts.push(`gave one message out at ${before} and at ${found.place}`);
      places.set(found.storedNs, found.place);
    }
  }
  return texts;
};
