import { RetryableError } from '../../../shared/errors/sync-error.ts';
import type { Delivery } from '../../../shared/message/delivery.ts';
import { readId } from '../../../shared/message/envelope.ts';
import type { OutgoingMessage } from '../../../shared/message/outgoing-message.ts';
import { requirePageSizes } from '../../../shared/routing/processor-properties.ts';
import { loadDestination, loadRoute } from '../destination.ts';
import type { EntryContext } from '../entry-ports.ts';
import { planContinuation, planEmptyReplay, planReplayRows, type ReplayInput } from './plan-replay.ts';
import { pageStartOf, readEnd, replaySizes } from './replay-cuts.ts';
import { continuedRun, startRun, type ReplayRun } from './replay-run.ts';
import { requirePublished } from '../require-published.ts';
import { routedStatus } from '../routed-status.ts';

/** What is read at first, before the size of the rows is known. */
const firstReadRows = 100;

/**
 * Replays a state, or as much of it as fits the budget. It reads, publishes and forgets some rows at a time, and hands
 * the rest on as a continuation. Resolves when the server has taken everything. Each call makes progress: at least one
 * read, unless it is a first delivery whose time is up before it begins. Throws coded errors.
 */
export const handleReplay = async (context: EntryContext, delivery: Delivery, deadlineMs: number): Promise<void> => {
  const { ports, limits, monitorRoute, routerRoute } = context;
  const routeId = readId(delivery.message, 'route_id');
  const continued = continuedRun(delivery);
  const route = await loadRoute(ports, routeId);
  const destination = await loadDestination(context, route.processorId);
  const sizes = replaySizes(requirePageSizes(destination.properties));
  const state = await ports.loadState(route.stateId);
  if (!state) throw new RetryableError('unknown_state', `the state ${route.stateId} is not known`);
  const publish = async (messages: readonly OutgoingMessage[]): Promise<void> => {
    if (messages.length === 0) return;
    const outcomes = await ports.publish(
      messages,
      messages.map(() => delivery.id),
    );
    requirePublished(messages.map((_, index) => outcomes[index]));
  };
  const input: Omit<ReplayInput, 'run'> = {
    delivery,
    routeId,
    destination,
    sizes,
    maxPayloadBytes: await ports.maxPayloadBytes(),
    evaluate: ports.evaluatorFor({ nowMs: delivery.timestampMs, seed: delivery.id }),
  };
  let run: ReplayRun = continued ?? startRun(delivery, routeId, state.count);
  let pending: readonly OutgoingMessage[] = continued ? [] : [routedStatus(monitorRoute, routeId, delivery.id)];
  if (run.total === 0) return publish([...pending, planEmptyReplay({ ...input, run })]);

  let left = limits.maxReplayRows;
  let targetRows = firstReadRows;
  let mustRead = continued !== undefined;
  while (run.offset < run.total && left > 0 && (mustRead || ports.nowMs() < deadlineMs)) {
    mustRead = false;
    const end = readEnd(run.offset, sizes, Math.min(targetRows, left), run.total);
    const rows = await ports.readPage(state, run.offset, end - run.offset);
    const pageStart = pageStartOf(run.offset, sizes);
    const needsFirstRow = pageStart < run.offset && destination.properties.concurrencyMode === 'expression';
    const pageFirstRow = needsFirstRow ? ((await ports.readPage(state, pageStart, 1))[0] ?? null) : null;
    const messages = planReplayRows({ ...input, run, rows, pageFirstRow });
    await publish([...pending, ...messages]);
    pending = [];
    left -= end - run.offset;
    targetRows = nextReadRows(end - run.offset, bytesOf(messages));
    run = { ...run, offset: end };
  }
  const rest = run.offset < run.total ? [planContinuation({ delivery, routeId, run }, routerRoute)] : [];
  await publish([...pending, ...rest]);
};

const maxReadRows = 1_000;
/** About as much as one read should publish. */
const targetReadBytes = 4 * 1024 * 1024;

const nextReadRows = (rows: number, bytes: number): number =>
  Math.max(1, Math.min(maxReadRows, rows * 4, Math.floor((rows * targetReadBytes) / Math.max(1, bytes))));

const bytesOf = (messages: readonly OutgoingMessage[]): number =>
  messages.reduce((sum, message) => sum + message.payload.length, 0);
