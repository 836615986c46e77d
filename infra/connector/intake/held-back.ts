/** A lane of a dispatch: the messages of one key. */
export interface LaneName {
  readonly functionName: string;
  readonly key: string;
}

/** Something comes before what the lane holds after that sequence, or does so no more. */
export interface Hold {
  readonly type: 'key_blocked' | 'key_unblocked';
  readonly lane: LaneName;
  readonly sequence: number;
}

/** The lane of a message that was read from the stream; none if no function gets it. */
export interface ReadLane {
  readonly sequence: number;
  readonly lane: LaneName | undefined;
}

/**
 * Which lanes wait for messages that are in other hands (C3). Where a message's lane is known, that lane waits for it. Where nobody
 * has read the message, every lane waits that gets a later one: any of them may be its own. All of them wait for the first unread
 * one, and then for the next.
 *
 * What was handed back comes in the order of the stream, so in the ordinary case nothing waits, and nothing has to be read.
 *
 * Each call returns what changes, in the order in which it is to be said.
 */
export interface HeldBack {
  isUnread(sequence: number): boolean;
  /** It is in other hands, and its lane is not known. Nothing after it is here yet. */
  addUnread(sequence: number): void;
  /** They were read, and are still in other hands. */
  read(found: readonly ReadLane[]): readonly Hold[];
  /** A message is here. To be said before its lane gets it. */
  met(lane: LaneName, sequence: number): readonly Hold[];
  /** It has come, is settled, or is waited for no longer. */
  over(sequence: number): readonly Hold[];
  allOver(): readonly Hold[];
  /** The unread ones before something that waits, in the order of the stream: to be read if they do not come. */
  sought(): readonly number[];
}

export const createHeldBack = (): HeldBack => {
  const state: State = { unread: new Set(), inOrder: [], known: new Map(), waiting: new Map() };
  return {
    isUnread: (sequence) => state.unread.has(sequence),
    addUnread: (sequence) => {
      if (state.unread.has(sequence)) return;
      state.unread.add(sequence);
      state.inOrder.push(sequence);
      if (sequence < (state.inOrder.at(-2) ?? 0)) state.inOrder.sort((a, b) => a - b);
    },
    read: (found) => {
      const before = firstUnread(state);
      const holds: Hold[] = [];
      for (const { sequence, lane } of found) {
        state.unread.delete(sequence);
        if (lane === undefined) continue;
        state.known.set(sequence, lane);
        holds.push({ type: 'key_blocked', lane, sequence });
      }
      return [...holds, ...moveOn(state, before)];
    },
    met: (lane, sequence) => {
      const first = firstUnread(state);
      if (first === undefined || first > sequence) return [];
      const name = nameOf(lane);
      const known = state.waiting.get(name);
      state.waiting.set(name, { lane, last: Math.max(known?.last ?? 0, sequence) });
      return known === undefined ? [{ type: 'key_blocked', lane, sequence: first }] : [];
    },
    over: (sequence) => {
      const lane = state.known.get(sequence);
      state.known.delete(sequence);
      if (lane !== undefined) return [{ type: 'key_unblocked', lane, sequence }];
      const before = firstUnread(state);
      return state.unread.delete(sequence) ? moveOn(state, before) : [];
    },
    allOver: () => {
      const before = firstUnread(state);
      const holds = [...state.known].map(([sequence, lane]): Hold => ({ type: 'key_unblocked', lane, sequence }));
      state.known.clear();
      state.unread.clear();
      return [...holds, ...moveOn(state, before)];
    },
    sought: () => {
      const last = Math.max(0, ...[...state.waiting.values()].map((waiting) => waiting.last));
      return last === 0 ? [] : state.inOrder.filter((sequence) => sequence < last && state.unread.has(sequence));
    },
  };
};

interface Waiting {
  readonly lane: LaneName;
  /** The last of its messages that is here. */
  readonly last: number;
}

interface State {
  readonly unread: Set<number>;
  /** The same in the order of the stream, with some at its head that are unread no more. */
  readonly inOrder: number[];
  /** Lanes that wait for a message that was read, by its sequence. */
  readonly known: Map<number, LaneName>;
  /** Lanes that wait for the first unread one, by name. */
  readonly waiting: Map<string, Waiting>;
}

const nameOf = ({ functionName, key }: LaneName): string => `${functionName} ${key}`;

const firstUnread = ({ unread, inOrder }: State): number | undefined => {
  let over = 0;
  while (over < inOrder.length && !unread.has(inOrder[over]!)) over += 1;
  // Asked for each message that comes: most of the time nothing is unread.
  if (over > 0) inOrder.splice(0, over);
  return inOrder[0];
};

/** What waited for the first unread one waits for the next, if that comes before what it has. */
const moveOn = (state: State, before: number | undefined): readonly Hold[] => {
  const first = firstUnread(state);
  if (before === undefined || first === before) return [];
  const holds: Hold[] = [];
  const known = state.known.get(before);
  for (const [name, { lane, last }] of state.waiting) {
    if (first !== undefined && first < last) holds.push({ type: 'key_blocked', lane, sequence: first });
    else state.waiting.delete(name);
    // Whose own message it turned out to be goes on waiting for it.
    if (known === undefined || nameOf(known) !== name) holds.push({ type: 'key_unblocked', lane, sequence: before });
  }
  return holds;
};
