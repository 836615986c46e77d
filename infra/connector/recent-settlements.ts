/** What a message was answered with, and where the answer went. */
export interface Settlement {
  readonly how: 'ack' | 'term';
  readonly reply: string;
}

/** The latest answers: one that was on its way when the connection broke, or that a killed server forgot, is given again. */
export interface RecentSettlements {
  add(identity: string, settlement: Settlement): void;
  /** Gives the answer again where it is remembered; whether it is. */
  repeat(identity: string, give: (settlement: Settlement) => void): boolean;
}

/** Remembers so many of the latest ones, by the messages' place and time in their stream. */
export const createRecentSettlements = (limit: number): RecentSettlements => {
  const settlements = new Map<string, Settlement>();
  return {
    add: (identity, settlement) => {
      settlements.delete(identity);
      settlements.set(identity, settlement);
      if (settlements.size <= limit) return;
      const { value: oldest } = settlements.keys().next();
      if (oldest !== undefined) settlements.delete(oldest);
    },
    repeat: (identity, give) => {
      const settlement = settlements.get(identity);
      if (settlement === undefined) return false;
      give(settlement);
      return true;
    },
  };
};
