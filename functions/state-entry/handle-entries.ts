import { TerminalError } from '../../shared/errors/sync-error.ts';
import { toOutcome } from '../../shared/message/to-outcome.ts';
import { identityReuse } from '../../shared/message/content-hash.ts';
import type { Delivery } from '../../shared/message/delivery.ts';
import { readId } from '../../shared/message/envelope.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import { loadDestination, loadRoute } from './destination.ts';
import type { EntryContext } from './entry-ports.ts';
import { planEntry } from './plan-entry.ts';
import { handleReplay } from './replay/handle-replay.ts';
import { requirePublished } from './require-published.ts';

/**
 * Handles a batch: every delivery is planned, published and recorded, or fails alone. One outcome per delivery, in
 * their order; never throws. A delivery that the ledger knows publishes nothing, and nor does one whose id was another
 * message's. `ack` is said when the server has taken all messages and the ledger knows.
 */
export const handleEntries = async (
  context: EntryContext,
  deliveries: readonly Delivery[],
): Promise<readonly Outcome[]> => {
  const outcomes = new Map<string, Outcome>();
  const tell = (told: readonly Outcome[]): void => {
    for (const outcome of told) outcomes.set(outcome.id, outcome);
  };
  try {
    const unique = [...new Map(deliveries.map((delivery) => [delivery.id, delivery])).values()];
    tell(await knownOutcomes(context, unique));
    const deadlineMs = context.ports.nowMs() + context.limits.maxReplayMs;
    for (const run of runsOf(unique.filter(({ id }) => !outcomes.has(id)))) {
      tell(await handleRun(context, run, deadlineMs));
    }
  } catch (error) {
    tell(deliveries.filter(({ id }) => !outcomes.has(id)).map(({ id }) => toOutcome(id, error)));
  }
  return deliveries.map(({ id }) => outcomes.get(id) ?? toOutcome(id, new Error('no outcome')));
};

/** The outcomes of those that the ledger knows: handled to the end, or of an id that was another message's. */
const knownOutcomes = async ({ ports }: EntryContext, deliveries: readonly Delivery[]): Promise<readonly Outcome[]> => {
  const known = await ports.ledger.read(deliveries.map(({ id }) => id));
  return deliveries.flatMap((delivery): readonly Outcome[] => {
    const { id } = delivery;
    const earlier = known.get(id);
    const reuse = earlier && identityReuse(earlier, { ...delivery, stateId: null });
    if (reuse !== undefined) return [toOutcome(id, reuse)];
    return earlier?.forwarded === true ? [{ id, outcome: 'ack' }] : [];
  });
};

/** Deliveries in their order, entries that follow each other together, each replay by itself. */
const runsOf = (deliveries: readonly Delivery[]): readonly (readonly Delivery[])[] => {
  const runs: Delivery[][] = [];
  let entries: Delivery[] | undefined;
  for (const delivery of deliveries) {
    if (delivery.type === 'query_state_route') {
      runs.push([delivery]);
      entries = undefined;
    } else if (entries) {
      entries.push(delivery);
    } else {
      entries = [delivery];
      runs.push(entries);
    }
  }
  return runs;
};

/** Handles one run and records what has been handled to the end; never throws. */
const handleRun = async (
  context: EntryContext,
  run: readonly Delivery[],
  deadlineMs: number,
): Promise<readonly Outcome[]> => {
  const failed = new Map<string, Outcome>();
  const fail = (id: string, error: unknown): void => void failed.set(id, toOutcome(id, error));
  try {
    const [first] = run;
    if (first?.type === 'query_state_route') await handleReplay(context, first, deadlineMs);
    else await passOn(context, run, fail);
    const handled = run.filter(({ id }) => !failed.has(id));
    if (handled.length > 0) await context.ports.ledger.recordHandled(handled);
  } catch (error) {
    for (const { id } of run) if (!failed.has(id)) fail(id, error);
  }
  return run.map(({ id }) => failed.get(id) ?? { id, outcome: 'ack' });
};

/** Plans every entry, then publishes what they lead to in one go; `fail` is told of those that do not get through. */
const passOn = async (
  context: EntryContext,
  entries: readonly Delivery[],
  fail: (id: string, error: unknown) => void,
): Promise<void> => {
  const attempts = await Promise.all(
    entries.map(async (delivery) => {
      try {
        return [{ id: delivery.id, messages: await plan(context, delivery) }];
      } catch (error) {
        fail(delivery.id, error);
        return [];
      }
    }),
  );
  const planned = attempts.flat();
  if (planned.length === 0) return;
  const results = await context.ports.publish(
    planned.flatMap(({ messages }) => messages),
    planned.flatMap(({ id, messages }) => messages.map(() => id)),
  );
  let position = 0;
  for (const { id, messages } of planned) {
    const own = messages.map((_, index) => results[position + index]);
    position += messages.length;
    try {
      requirePublished(own);
    } catch (error) {
      fail(id, error);
    }
  }
};

/** What one entry leads to: the status of its route, and the message for its processor. */
const plan = async (context: EntryContext, delivery: Delivery): Promise<readonly OutgoingMessage[]> => {
  const { ports, monitorRoute } = context;
  const { type, message } = delivery;
  let routeId: string | null = null;
  let processorId: string;
  if (type === 'query_state_entry') {
    routeId = readId(message, 'route_id');
    ({ processorId } = await loadRoute(ports, routeId));
  } else if (type === 'query_processor_entry') {
    processorId = readId(message, 'processor_id');
  } else {
    throw new TerminalError('wrong_function', `messages of type ${type} are not for this function`);
  }
  const steps = planEntry({
    delivery,
    routeId,
    destination: await loadDestination(context, processorId),
    monitorRoute,
    maxPayloadBytes: await ports.maxPayloadBytes(),
    evaluate: ports.evaluatorFor({ nowMs: delivery.timestampMs, seed: delivery.id }),
  });
  return ports.run(steps);
};
