import { RetryableError } from '../errors/sync-error.ts';
import type { OutgoingMessage } from '../message/outgoing-message.ts';
import type { Outcome } from '../message/outcome.ts';
import { toOutcome } from '../message/to-outcome.ts';
import type { AppendedDelivery } from '../postgres/append-request.ts';
import type { Planned } from './plan-group.ts';
import type { PlanShare } from '../function/plan-pace.ts';
import type { StorePorts } from './store-ports.ts';

/** Publishes what has committed and is not known to be forwarded; then tells the ledger, then acknowledges. */
export const forwardGroup = (
  accepted: readonly Planned[],
  appended: readonly AppendedDelivery[],
  ports: StorePorts,
  share: PlanShare,
): readonly Outcome[] | Promise<readonly Outcome[]> => {
  const { outcomes, waiting } = settledOrWaiting(accepted, appended);
  return waiting === undefined ? outcomes : forwardWaiting(outcomes, waiting, ports, share);
};

type Waiting = ReadonlyMap<string, Iterable<OutgoingMessage>>;

/** @param outcomes those that are known already: the others are added */
const forwardWaiting = async (
  outcomes: Outcome[],
  waiting: Waiting,
  ports: StorePorts,
  share: PlanShare,
): Promise<readonly Outcome[]> => {
  const failed = await publishStreamed(waiting, ports, share);
  outcomes.push(...failed.values());
  const forwarded = [...waiting.keys()].filter((id) => !failed.has(id));
  try {
    if (forwarded.length > 0) await ports.markForwarded(forwarded);
    for (const id of forwarded) outcomes.push({ id, outcome: 'ack' });
  } catch (error) {
    for (const id of forwarded) outcomes.push(toOutcome(id, error));
  }
  return outcomes;
};

/** What is left to publish, by delivery; the others have their outcome already. */
const settledOrWaiting = (
  accepted: readonly Planned[],
  appended: readonly AppendedDelivery[],
): { readonly outcomes: Outcome[]; readonly waiting: Waiting | undefined } => {
  const outcomes: Outcome[] = [];
  let waiting: Map<string, Iterable<OutgoingMessage>> | undefined;
  const resultOf = resultsById(appended);
  for (let index = 0; index < accepted.length; index += 1) {
    const { planned, forwards } = accepted[index]!;
    const result = resultOf(planned.id, index);
    if (result === undefined) {
      outcomes.push(toOutcome(planned.id, new RetryableError('no_outcome', 'the append said nothing of the message')));
    } else if (result.status === 'rejected') {
      outcomes.push(toOutcome(planned.id, result.error));
    } else if (result.forwarded || forwards.isEmpty) {
      outcomes.push({ id: planned.id, outcome: 'ack' });
    } else {
      // With dedupe only the rows that were stored travel on: the ledger says which, at every attempt the same.
      (waiting ??= new Map()).set(planned.id, forwards.messages(result.storedRows));
    }
  }
  return { outcomes, waiting };
};

/** An append names its deliveries in the order in which they were given: each is looked for in its own place first. */
const resultsById = (
  appended: readonly AppendedDelivery[],
): ((id: string, index: number) => AppendedDelivery | undefined) => {
  let byId: ReadonlyMap<string, AppendedDelivery> | undefined;
  return (id, index) => {
    const own = appended[index];
    if (own?.id === id) return own;
    byId ??= new Map(appended.map((delivery) => [delivery.id, delivery]));
    return byId.get(id);
  };
};

/** What is published at the same time. */
const maxPublishedBytes = 4 * 1024 * 1024;
const maxPublishedMessages = 1_000;

/** Makes the messages as they are sent, so that they are never all there; the deliveries of which one failed. */
const publishStreamed = async (
  messages: Waiting,
  ports: StorePorts,
  share: PlanShare,
): Promise<ReadonlyMap<string, Outcome>> => {
  const failed = new Map<string, Outcome>();
  let owners: string[] = [];
  let batch: OutgoingMessage[] = [];
  let bytes = 0;
  const send = async (): Promise<void> => {
    const [sentOwners, sent] = [owners, batch];
    [owners, batch, bytes] = [[], [], 0];
    const published = sent.length === 0 ? [] : await ports.publish(sent, sentOwners);
    for (const [index, result] of published.entries()) {
      const id = sentOwners[index]!;
      if (!result.ok && !failed.has(id)) failed.set(id, toOutcome(id, result.error));
    }
  };
  for (const [id, own] of messages) {
    for (const message of own) {
      // What is left of it is sent at its next try.
      if (failed.has(id)) break;
      batch.push(message);
      owners.push(id);
      bytes += message.payload.length;
      if (bytes >= maxPublishedBytes || batch.length >= maxPublishedMessages) await send();
      const pause = share.pause();
      if (pause !== undefined) await pause;
    }
  }
  await send();
  return failed;
};
