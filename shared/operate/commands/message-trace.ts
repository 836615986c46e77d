import { boundedIdentity } from '../../message/delivery-identity.ts';
import { nextStoredMessage } from '../../nats/read-stream.ts';
import { originsBelow, originsOf, type LedgerOrigin } from '../../postgres/ledger-origin.ts';
import { CommandError } from '../command-error.ts';
import { deliveryWays, streamNames, type DeliveryWay } from '../delivery-way.ts';
import { describeDeadLetter, traceIdOf, traceLink, type DeadLetterLine } from '../describe-dead-letter.ts';
import { findTrace, type FoundTrace } from '../find-trace.ts';
import { editOfLetter, letterHistory, noLetter, type ShownEdit } from '../letter-history.ts';
import type { ManageCommand, ManageContext } from '../manage-context.ts';
import { openDeadLetters } from './dead-read.ts';

/** A message that waits in its stream, or is on its way. */
interface WaitingMessage {
  readonly stream: string;
  readonly sequence: number;
  readonly subject: string;
  readonly messageId: string | null;
  readonly traceId: string | null;
}

/** What `message.trace` answers. */
export interface MessageTrace {
  readonly deliveries: readonly (DeliveryWay & { readonly trace: FoundTrace })[];
  readonly deadLetters: readonly DeadLetterLine[];
  readonly waiting: readonly WaitingMessage[];
  /** Dead letters that were sent with other content, among which the message is the old or the new one. */
  readonly edits: readonly ShownEdit[];
}

/** Deliveries that are told of a trace, or of how an id begins. */
const maxDeliveries = 20;
/** Messages that are looked at: of each stream the oldest, of the dead letters the newest. */
const maxScanned = 1_000;

/**
 * `message.trace` {id | trace_id | sequence}: what became of a message. An id is a delivery identity, a `Nats-Msg-Id`, or the
 * beginning of one; `sequence` is that of a dead letter. Tells deliveries that are stored with their rows, dead letters, and
 * messages that still wait.
 */
export const messageTrace: ManageCommand = async (args, context): Promise<MessageTrace> => {
  const id = args.optionalText('id', 1_000);
  const traceId = args.optionalText('trace_id', 32)?.toLowerCase();
  const sequence = args.optionalInteger('sequence', { min: 1, max: Number.MAX_SAFE_INTEGER });
  if ([id, traceId, sequence].filter((value) => value !== undefined).length !== 1) {
    args.fault('give one of id, trace_id, sequence');
  }
  if (traceId !== undefined && !/^[0-9a-f]{32}$/.test(traceId)) args.fault('trace_id must have 32 hex digits');
  args.check();
  const wanted = await wantedOf(context, { id, traceId, sequence });
  const origins = await findOrigins(context, wanted);
  const ways = await deliveryWays(context, origins);
  const deliveries: (DeliveryWay & { readonly trace: FoundTrace })[] = [];
  for (const way of ways) {
    const trace = wanted.traceId === undefined ? await findTrace(context, way) : knownTrace(context, wanted.traceId);
    deliveries.push({ ...way, trace });
  }
  const deadLetters = await findDeadLetters(context, wanted);
  const waiting = origins.length > 0 ? [] : await findWaiting(context, wanted);
  const known = [
    ...wanted.identities,
    ...deliveries.map(({ identity }) => identity),
    ...deadLetters.flatMap(({ identity }) => identity ?? []),
  ];
  const edits = await letterHistory(context, known);
  if (deliveries.length + deadLetters.length + waiting.length + edits.length === 0) {
    const what = traceId === undefined ? `message ${id ?? `of dead letter ${sequence}`}` : `trace ${traceId}`;
    throw new CommandError(404, 'not_found', `neither the ledger, nor the dead letters, nor the streams know ${what}`);
  }
  return { deliveries, deadLetters, waiting, edits };
};

interface Wanted {
  /** Whole identities. */
  readonly identities: readonly string[];
  /** How identities may begin. */
  readonly prefixes: readonly string[];
  readonly messageId: string | undefined;
  readonly traceId: string | undefined;
}

const knownTrace = ({ jaegerUrl }: ManageContext, traceId: string): FoundTrace => ({
  traceId,
  traceUrl: traceLink(jaegerUrl, traceId),
  reason: '',
});

const wantedOf = async (
  context: ManageContext,
  query: {
    readonly id: string | undefined;
    readonly traceId: string | undefined;
    readonly sequence: number | undefined;
  },
): Promise<Wanted> => {
  if (query.sequence !== undefined) {
    const letter = await (await openDeadLetters(context)).get(query.sequence);
    const edit = letter === undefined ? await editOfLetter(context, query.sequence) : undefined;
    if (letter === undefined && edit === undefined) throw await noLetter(context, query.sequence);
    const identities = edit === undefined ? [letter?.info?.identity ?? ''] : [edit.identity, edit.editedFrom];
    return { identities, prefixes: [], messageId: undefined, traceId: undefined };
  }
  if (query.traceId !== undefined) {
    const spans = context.traces === undefined ? [] : await askSpans(context, query.traceId);
    const ids = spans
      .map(({ attributes }) => attributes['messaging.message.id'])
      .filter((id) => typeof id === 'string');
    const identities = [...new Set(ids)].slice(0, maxDeliveries);
    return { identities, prefixes: [], messageId: undefined, traceId: query.traceId };
  }
  const id = query.id ?? '';
  const prefixes = [id, ...streamNames(context).map((stream) => `${stream}/${id}`)];
  return { identities: prefixes.map(boundedIdentity), prefixes, messageId: id, traceId: undefined };
};

const askSpans = async (context: ManageContext, traceId: string) => {
  try {
    return (await context.traces?.spans(traceId)) ?? [];
  } catch (error) {
    // Dead letters and waiting messages carry their trace themselves.
    context.onError('ask the trace store', error);
    return [];
  }
};

const findOrigins = async (
  { pool }: ManageContext,
  { identities, prefixes }: Wanted,
): Promise<readonly LedgerOrigin[]> => {
  const exact = await originsOf(pool, identities);
  return exact.length > 0 || prefixes.length === 0 ? exact : originsBelow(pool, prefixes, maxDeliveries);
};

const findDeadLetters = async (context: ManageContext, wanted: Wanted): Promise<readonly DeadLetterLine[]> => {
  const store = await openDeadLetters(context);
  const summary = await store.summary();
  const found: DeadLetterLine[] = [];
  if (summary === undefined || summary.messages === 0) return found;
  let scanned = 0;
  for await (const letter of store.newestFirst(summary.lastSequence, summary.firstSequence)) {
    scanned += 1;
    const line = describeDeadLetter(letter, context.jaegerUrl);
    const isWanted =
      (line.identity !== null && wanted.identities.includes(line.identity)) ||
      (wanted.messageId !== undefined && line.messageId === wanted.messageId) ||
      (wanted.traceId !== undefined && line.traceId === wanted.traceId);
    if (isWanted) found.push(line);
    if (scanned === maxScanned || found.length === maxDeliveries) break;
  }
  return found;
};

const findWaiting = async (context: ManageContext, wanted: Wanted): Promise<readonly WaitingMessage[]> => {
  const { routes, triggers } = context.routing;
  const connection = await context.bus.connection();
  const streams = new Set(triggers.flatMap(({ selector }) => routes.get(selector)?.name ?? []));
  const found: WaitingMessage[] = [];
  for (const stream of streams) {
    let next = 1;
    for (let scanned = 0; scanned < maxScanned && found.length < maxDeliveries; scanned += 1) {
      const message = await nextStoredMessage(connection, stream, next).catch((error: unknown) => {
        // A stream that is not there yet holds nothing.
        context.onError(`read stream ${stream}`, error);
        return undefined;
      });
      if (message === undefined) break;
      next = message.sequence + 1;
      const messageId = message.header('Nats-Msg-Id') ?? null;
      const traceId = traceIdOf(message.header('traceparent')) ?? null;
      const identity = `${stream}/${messageId ?? `${message.sequence}@${message.storedNs}`}`;
      const isWanted =
        wanted.identities.includes(boundedIdentity(identity)) ||
        (wanted.traceId !== undefined && traceId === wanted.traceId);
      if (isWanted) found.push({ stream, sequence: message.sequence, subject: message.subject, messageId, traceId });
    }
  }
  return found;
};
