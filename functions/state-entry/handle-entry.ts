import { TerminalError } from '../../shared/errors/sync-error.ts';
import { toOutcome } from '../../shared/message/to-outcome.ts';
import { identityReuse } from '../../shared/message/content-hash.ts';
import type { Delivery } from '../../shared/message/delivery.ts';
import { readId } from '../../shared/message/envelope.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import type { EntryContext } from './entry-context.ts';
import { handleReplay } from './handle-replay.ts';
import { loadDestination, loadRoute } from './load-destination.ts';
import { planEntry } from './plan-entry.ts';
import { requirePublished } from './require-published.ts';

interface Planned {
  readonly id: string;
  readonly messages: readonly OutgoingMessage[];
}

/**
 * Handles a batch: every delivery is planned, published and recorded, or fails alone. One outcome per delivery, in
 * their order; never throws. A delivery that the ledger knows publishes nothing, and nor does one whose id was another
 * message's. `ack` is said when the server has taken all messages and the ledger knows.
 */
export const handleEntries = async (
  context: EntryContext,
  deliveries: readonly Delivery[],
): Promise<readonly Outcome[]> => {
  const { ports } = context;
  const outcomes = new Map<string, Outcome>();
  const fail = (id: string, error: unknown): void => void outcomes.set(id, toOutcome(id, error));
  const failOpen = (error: unknown): void => {
    for (const { id } of deliveries) if (!outcomes.has(id)) fail(id, error);
  };
  const succeed = async (handled: readonly Delivery[]): Promise<void> => {
    if (handled.length === 0) return;
    await ports.ledger.recordHandled(handled);
    for (const { id } of handled) outcomes.set(id, { id, outcome: 'ack' });
  };
  const handleRun = async (run: readonly Delivery[], deadlineMs: number): Promise<void> => {
    const [first] = run;
    if (first?.type === 'query_state_route') {
      await handleReplay(context, first, deadlineMs);
      return succeed([first]);
    }
    const planned = await Promise.all(
      run.map(async (delivery): Promise<readonly Planned[]> => {
        try {
          return [{ id: delivery.id, messages: await plan(context, delivery) }];
        } catch (error) {
          fail(delivery.id, error);
          return [];
        }
      }),
    );
    const published = new Set(await publishPlanned(context, planned.flat(), fail));
    await succeed(run.filter(({ id }) => published.has(id)));
  };
  try {
    const unique = [...new Map(deliveries.map((delivery) => [delivery.id, delivery])).values()];
    const known = await ports.ledger.read(unique.map(({ id }) => id));
    for (const delivery of unique) {
      const { id } = delivery;
      const earlier = known.get(id);
      const reuse = earlier && identityReuse(earlier, { ...delivery, stateId: null });
      if (reuse !== undefined) fail(id, reuse);
      else if (earlier?.forwarded === true) outcomes.set(id, { id, outcome: 'ack' });
    }
    const deadlineMs = ports.nowMs() + context.limits.maxReplayMs;
    for (const run of runsOf(unique.filter(({ id }) => !outcomes.has(id)))) {
      try {
        await handleRun(run, deadlineMs);
      } catch (error) {
        for (const { id } of run) if (!outcomes.has(id)) fail(id, error);
      }
    }
  } catch (error) {
    failOpen(error);
  }
  return deliveries.map(({ id }) => outcomes.get(id) ?? toOutcome(id, new Error('no outcome')));
};

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
  const messages = planEntry({
    delivery,
    routeId,
    destination: await loadDestination(context, processorId),
    monitorRoute,
    maxPayloadBytes: await ports.maxPayloadBytes(),
    evaluate: ports.evaluatorFor({ nowMs: delivery.timestampMs, seed: delivery.id }),
  });
  const headers = ports.headersFor?.(delivery);
  return headers === undefined ? messages : messages.map((each) => ({ ...each, headers }));
};

/** Publishes what several deliveries lead to in one go; the ids of those that the server has taken. */
const publishPlanned = async (
  { ports }: EntryContext,
  planned: readonly Planned[],
  fail: (id: string, error: unknown) => void,
): Promise<readonly string[]> => {
  if (planned.length === 0) return [];
  const outcomes = await ports.publish(planned.flatMap(({ messages }) => messages));
  let position = 0;
  return planned.flatMap(({ id, messages }) => {
    const own = messages.map((_, index) => outcomes[position + index]);
    position += messages.length;
    try {
      requirePublished(own);
      return [id];
    } catch (error) {
      fail(id, error);
      return [];
    }
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
