import { createDeadLetterStore } from '../../../shared/nats/dead-letter-store.ts';
import type { Routing } from '../../../shared/routing/routing.ts';
import type { Store } from '../open-store.ts';
import { ok, warn, type Finding } from './finding.ts';

/** Newest letters that are looked at for their codes. */
const maxScanned = 1_000;

/** What was given up, by code, with the newest reason of each. */
export const checkDeadLetters = async (store: Store, routing: Routing): Promise<readonly Finding[]> => {
  const connection = await (await store.bus()).connection();
  const letters = createDeadLetterStore(connection, routing.deadLetter.stream);
  const summary = await letters.summary();
  if (summary === undefined || summary.messages === 0) return [ok('dead letters', 'none', 'nothing was given up')];
  const byCode = new Map<string, { count: number; readonly reason: string; readonly sequence: number }>();
  let scanned = 0;
  for await (const letter of letters.newestFirst(summary.lastSequence, summary.firstSequence)) {
    if (scanned === maxScanned) break;
    scanned += 1;
    const code = letter.info?.code ?? 'unknown';
    const known = byCode.get(code);
    if (known === undefined)
      byCode.set(code, { count: 1, reason: letter.info?.reason ?? '', sequence: letter.sequence });
    else known.count += 1;
  }
  return [...byCode].map(([code, { count, reason, sequence }]) =>
    warn(
      'dead letters',
      code,
      `${count} of ${summary.messages} messages were given up with ${code}, the newest because: ${reason}`,
      `state-sync dead show ${sequence}; once its cause is gone: state-sync dead replay --code ${code}`,
    ),
  );
};
