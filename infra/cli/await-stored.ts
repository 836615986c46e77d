import { setTimeout as sleep } from 'node:timers/promises';
import { createDeadLetterStore } from '../../shared/nats/dead-letter-store.ts';
import { readLedger } from '../../shared/postgres/ledger.ts';
import type { Store } from './open-store.ts';

export interface Whereabouts {
  readonly storedMessages: number;
  readonly storedRows: number;
  readonly rejected: readonly { readonly identity: string; readonly code: string; readonly reason: string }[];
  /** Neither stored nor given up in the time that there was. */
  readonly missing: number;
}

const pollMs = 250;
const askedAtOnce = 1_000;

/**
 * Waits until every delivery is in the ledger or among the dead letters.
 * @param identities delivery identities, as the ledger has them
 */
export const awaitStored = async (
  store: Store,
  identities: readonly string[],
  options: {
    readonly timeoutMs: number;
    readonly nowMs: () => number;
    readonly signal: AbortSignal;
    readonly onProgress: (settled: number) => Promise<void>;
    /** Only dead letters behind this one count; without it all do: the file may have been published and refused earlier. */
    readonly afterLetter?: number;
    /** Whether what is stored has to be passed on too: what is replayed may have been stored before. */
    readonly isPassedOn?: boolean;
  },
): Promise<Whereabouts> => {
  const pool = await store.pool();
  const { deadLetter } = await store.routing();
  const letters = createDeadLetterStore(await (await store.bus()).connection(), deadLetter.stream);
  const open = new Set(identities);
  const rejected: { identity: string; code: string; reason: string }[] = [];
  const deadlineMs = options.nowMs() + options.timeoutMs;
  let storedMessages = 0;
  let storedRows = 0;
  let nextSequence =
    options.afterLetter === undefined ? ((await letters.summary())?.firstSequence ?? 1) : options.afterLetter + 1;
  for (;;) {
    const asked = [...open];
    for (let start = 0; start < asked.length; start += askedAtOnce) {
      for (const entry of (await readLedger(pool, asked.slice(start, start + askedAtOnce), 'visible')).values()) {
        if (options.isPassedOn === true && !entry.forwarded) continue;
        open.delete(entry.id);
        storedMessages += 1;
        storedRows += entry.rowCount;
      }
    }
    const summary = await letters.summary();
    if (open.size > 0 && summary !== undefined && summary.lastSequence >= nextSequence) {
      for await (const letter of letters.oldestFirst(Math.max(1, nextSequence), summary.lastSequence)) {
        const identity = letter.info?.identity;
        if (identity === undefined || !open.delete(identity)) continue;
        rejected.push({ identity, code: letter.info?.code ?? '', reason: letter.info?.reason ?? '' });
      }
      nextSequence = summary.lastSequence + 1;
    }
    await options.onProgress(identities.length - open.size);
    if (open.size === 0 || options.nowMs() > deadlineMs || options.signal.aborted) break;
    await sleep(pollMs);
  }
  return { storedMessages, storedRows, rejected, missing: open.size };
};
