import type { ErrorCode } from '../errors/error-code.ts';
import { identityReuse, type IdentityUse } from '../message/content-hash.ts';
import type { Outcome } from '../message/outcome.ts';
import { reasonOf, toOutcome } from '../message/to-outcome.ts';
import type { StorePorts, StoreTarget } from './store-ports.ts';

/**
 * A delivery is planned by what the state says now, before the ledger is asked. If somebody edited the state since the
 * delivery was stored, the plan may refuse it. That says nothing of what is done already:
 *
 * - Another message under its id: refused for that.
 * - Stored and passed on: acknowledged.
 * - Stored and not passed on: refused like any other message of that state, under the plan's own code, with a reason
 *   that says so. Nothing is lost: the dead letter is the message, and the ledger knows its rows. Replayed when the
 *   state is in order again, it is only passed on. A retry would hold back the messages behind it until its attempts
 *   are used up, and then refuse it all the same.
 */
export const acknowledgeStored = async (
  outcomes: readonly Outcome[],
  targets: readonly StoreTarget[],
  ports: StorePorts,
): Promise<readonly Outcome[]> => {
  const rejected = new Map<string, Rejection>();
  for (const outcome of outcomes) {
    if (outcome.outcome === 'reject' && !finalCodes.has(outcome.code)) rejected.set(outcome.id, outcome);
  }
  if (rejected.size === 0) return outcomes;
  try {
    const ledger = await ports.readLedger([...rejected.keys()]);
    const uses = new Map<string, IdentityUse>(
      targets.map(({ delivery, stateId }) => [delivery.id, { contentHash: delivery.contentHash, stateId }]),
    );
    return outcomes.map((outcome): Outcome => {
      const known = ledger.get(outcome.id);
      const rejection = rejected.get(outcome.id);
      if (known === undefined || rejection === undefined) return outcome;
      const reuse = identityReuse(known, uses.get(outcome.id)!);
      if (reuse !== undefined) return toOutcome(outcome.id, reuse);
      if (known.forwarded) return { id: outcome.id, outcome: 'ack' };
      return { ...rejection, reason: reasonOf(`stored, but not passed on: ${rejection.reason}`) };
    });
  } catch (error) {
    // Whether it is stored is not known: nothing is given up on a guess.
    return outcomes.map((outcome) => (rejected.has(outcome.id) ? toOutcome(outcome.id, error) : outcome));
  }
};

type Rejection = Extract<Outcome, { readonly outcome: 'reject' }>;

/** What the payload alone decides was refused the first time too: it cannot be stored. Nor is it whose id was another's. */
const finalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'missing_query_state',
  'invalid_query_state',
  'identity_reused',
]);
