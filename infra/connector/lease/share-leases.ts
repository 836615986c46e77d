/** Who holds what, as one connector sees it. */
export interface LeaseTable {
  readonly own: string;
  /** Connectors that are alive and can do the work: `ableMembers`. This one may be missing. */
  readonly members: readonly string[];
  /** The holder of each durable; undefined if nobody reads it. */
  readonly holders: ReadonlyMap<string, string | undefined>;
}

export interface LeaseShare {
  /** Whether it is our turn to take one more that is free. */
  readonly mayTake: boolean;
  /** The durable whose lease we give up, so that a connector with less can take it, or one that reaches the functions. */
  readonly gives: string | undefined;
}

/** One connector, as another one hears of it. */
export interface MemberSight {
  readonly name: string;
  /** Whether it reaches the functions. */
  readonly reachesFunctions: boolean;
}

/**
 * Those among whom the durables are shared: who is cut off from the functions has no part in it, while somebody else reaches them. Where
 * nobody does, the functions are away, and another reader would not help.
 */
export const ableMembers = (alive: readonly MemberSight[]): readonly string[] => {
  const able = alive.filter(({ reachesFunctions }) => reachesFunctions);
  return (able.length === 0 ? alive : able).map(({ name }) => name);
};

/**
 * Shares the durables evenly: nobody takes more than its part rounded up, and whoever holds more than another one's part gives one
 * up. It is about work, not about order: two connectors that see different tables disagree about who should read, never
 * about who does (L1).
 */
export const shareLeases = ({ own, members, holders }: LeaseTable): LeaseShare => {
  const count = Math.max(1, members.length);
  const most = Math.ceil(holders.size / count);
  const least = Math.floor(holders.size / count);
  const heldBy = (member: string): readonly string[] =>
    [...holders].flatMap(([durable, holder]) => (holder === member ? [durable] : []));
  const ours = heldBy(own);
  const isAllHeld = [...holders.values()].every((holder) => holder !== undefined);
  const isSomeoneShort = members.some((member) => member !== own && heldBy(member).length < least);
  // One after the other, and whether or not all are held: each is the work of somebody who can do it.
  if (!members.includes(own)) return { mayTake: false, gives: ours.toSorted().at(-1) };
  const isTooMuch = isAllHeld && (ours.length > most || (ours.length > least && isSomeoneShort));
  // Those that are short go first, or whoever gave one up would take it again.
  const mayTake = ours.length < (isSomeoneShort ? least : most);
  return { mayTake, gives: isTooMuch ? ours.toSorted().at(-1) : undefined };
};
