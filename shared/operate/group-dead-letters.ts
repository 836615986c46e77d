import type { DeadLetterLine } from './describe-dead-letter.ts';

/** Dead letters that were given up for the same reason. */
export interface DeadLetterGroup {
  readonly code: string;
  readonly stateId: string | null;
  readonly routeId: string | null;
  readonly reason: string;
  readonly count: number;
  /** When the first and the last of them were given up; the last one's sequence is an example. */
  readonly firstTime: string;
  readonly lastTime: string;
  readonly lastSequence: number;
}

/** Groups that are told apart; the rest is counted as `others`. */
const maxGroups = 200;

export interface DeadLetterGroups {
  /** The largest first. */
  readonly groups: readonly DeadLetterGroup[];
  /** Letters of further groups. */
  readonly others: number;
}

/** Collects lines, in any order, by code, state or route, and reason. */
export const createGrouping = (): {
  readonly add: (line: DeadLetterLine) => void;
  readonly result: () => DeadLetterGroups;
} => {
  const groups = new Map<string, DeadLetterGroup>();
  let others = 0;
  return {
    add: (line) => {
      const { code, stateId, routeId, reason } = line;
      const key = JSON.stringify([code, stateId, routeId, reason]);
      const known = groups.get(key);
      if (known === undefined && groups.size === maxGroups) {
        others += 1;
        return;
      }
      groups.set(key, known === undefined ? firstOf(line) : joined(known, line));
    },
    result: () => ({
      groups: [...groups.values()].sort(
        (one, other) => other.count - one.count || other.lastSequence - one.lastSequence,
      ),
      others,
    }),
  };
};

const firstOf = ({ code, stateId, routeId, reason, time, sequence }: DeadLetterLine): DeadLetterGroup => ({
  code,
  stateId,
  routeId,
  reason,
  count: 1,
  firstTime: time,
  lastTime: time,
  lastSequence: sequence,
});

const joined = (group: DeadLetterGroup, { time, sequence }: DeadLetterLine): DeadLetterGroup => ({
  ...group,
  count: group.count + 1,
  firstTime: time < group.firstTime ? time : group.firstTime,
  lastTime: time > group.lastTime ? time : group.lastTime,
  lastSequence: Math.max(group.lastSequence, sequence),
});
