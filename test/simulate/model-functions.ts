import type { Outcome } from '../../shared/message/outcome.ts';
import type { Entry } from './model-server.ts';

/** One request in the hands of a function's process. */
export interface Call {
  readonly requestId: number;
  /** Which life of the connector asked. */
  readonly life: number;
  readonly process: number;
  readonly entries: readonly Entry[];
  /** Whether the connector still waits for the answer. */
  isAwaited: boolean;
  /** Undefined until the function has done its work. */
  outcomes: readonly Outcome[] | undefined;
}

const ownRetries = 2;

/**
 * The functions with the database behind them: a ledger that knows every stored message, and the rows of each key in the order
 * in which they were stored. A call is worked on as a whole or up to some message; whoever dies has stored what it stored.
 */
export const createModelFunctions = () => {
  const ledger = new Set<string>();
  const rows = new Map<string, string[]>();
  const triesOf = new Map<string, number>();
  let isDatabaseAway = false;

  const store = ({ id, key }: Entry): void => {
    if (ledger.has(id)) return;
    ledger.add(id);
    const stored = rows.get(key);
    if (stored === undefined) rows.set(key, [id]);
    else stored.push(id);
  };

  /** A retry holds back the later messages of its key in the same call, as the functions do. */
  const outcomeOf = (entry: Entry, heldBack: Set<string>): Outcome => {
    const { id, key, kind } = entry;
    const retry = (code: 'database_unavailable' | 'database_conflict' | 'held_back' | 'unknown_state'): Outcome => {
      heldBack.add(key);
      return { id, outcome: 'retry', code, reason: code };
    };
    if (isDatabaseAway) return retry('database_unavailable');
    if (kind === 'refused') return { id, outcome: 'reject', code: 'empty_row', reason: 'no column' };
    if (heldBack.has(key)) return retry('held_back');
    if (kind === 'unknown') return retry('unknown_state');
    const tries = triesOf.get(id) ?? 0;
    if (kind === 'retried' && tries < ownRetries) {
      triesOf.set(id, tries + 1);
      return retry('database_conflict');
    }
    store(entry);
    return { id, outcome: 'ack' };
  };

  return {
    /** Does the work of the first `count` messages; the outcomes so far. */
    work: (call: Call, count = call.entries.length): readonly Outcome[] => {
      const heldBack = new Set<string>();
      return call.entries.slice(0, count).map((entry) => outcomeOf(entry, heldBack));
    },
    isStored: (id: string): boolean => ledger.has(id),
    rowsOf: (key: string): readonly string[] => rows.get(key) ?? [],
    setDatabaseAway: (isAway: boolean): void => {
      isDatabaseAway = isAway;
    },
    get isDatabaseAway() {
      return isDatabaseAway;
    },
  };
};
