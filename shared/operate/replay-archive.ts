import { originalHeaders } from '../message/dead-letter.ts';
import { deliveryIdentity } from '../message/delivery-identity.ts';
import type { OutgoingMessage } from '../message/outgoing-message.ts';
import { replayHeaders, signReplay } from '../message/replay.ts';
import { readArchive, type ArchivedMessage } from '../nats/archive-stream.ts';
import { findStream } from '../nats/ensure-stream.ts';
import type { ManageContext } from './manage-context.ts';

/** Messages under way at a time. */
const batchMessages = 100;

/**
 * Sends what a stream got since a time to it once more, in its order. Each message stands for its own first delivery: what the
 * ledger of a database that was set back still knows is stored no second time, the rest is stored now. Safe to repeat.
 * Places between the first and the last one that the archive lacks were settled while it did not follow its stream: `missing`.
 * @param options.onSent is told how many were sent so far
 * @throws Error with the server's reason at the first message that is not confirmed
 */
export const replayArchive = async (
  context: Pick<ManageContext, 'bus' | 'token'>,
  options: {
    readonly archive: string;
    readonly sinceMs: number;
    readonly signal: AbortSignal;
    readonly onSent: (messages: number) => Promise<void>;
  },
): Promise<{ readonly stream: string; readonly messages: number; readonly missing: number }> => {
  const connection = await context.bus.connection();
  const { stream, messages } = await readArchive(connection, options.archive, options.sinceMs);
  const baseSubject = (await findStream(connection, stream))?.config.subjects?.[0];
  if (baseSubject === undefined) throw new Error(`there is no stream ${stream} to send the messages to`);
  let sent = 0;
  let missing = 0;
  let expected: number | undefined;
  let batch: OutgoingMessage[] = [];
  const flush = async (): Promise<void> => {
    const outcomes = await context.bus.publish(batch);
    const failed = outcomes.find((outcome) => !outcome.ok);
    if (failed !== undefined && !failed.ok) throw failed.error;
    sent += batch.length;
    batch = [];
    await options.onSent(sent);
  };
  for await (const message of messages()) {
    if (options.signal.aborted) break;
    missing += message.sequence - (expected ?? message.sequence);
    expected = message.sequence + 1;
    batch.push(replayOf(message, stream, baseSubject, context.token));
    if (batch.length === batchMessages) await flush();
  }
  if (batch.length > 0) await flush();
  return { stream, messages: sent, missing };
};

/** Its `Nats-Msg-Id` is new, because the stream may still remember the old one, and the same for every try. */
const replayOf = (
  { sequence, timestampNs, subject, headers, payload }: ArchivedMessage,
  stream: string,
  baseSubject: string,
  token: string | undefined,
): OutgoingMessage => {
  const messageId = headers.find(([name]) => name.toLowerCase() === 'nats-msg-id')?.[1][0];
  const identity = deliveryIdentity({ stream, sequence, timestampNs, messageId });
  // What was a replay itself stands for the delivery that it names, and is signed for it.
  const own = headers.filter(([name]) => Object.values<string>(replayHeaders).includes(name.toLowerCase()));
  return {
    stream,
    baseSubject,
    subject,
    payload,
    id: `archive/${sequence}@${timestampNs}`,
    headers: {
      ...Object.fromEntries(originalHeaders(headers)),
      ...(own.length > 0 ? Object.fromEntries(own) : signReplay(token, { stream, identity, timestampNs }, payload)),
    },
  };
};
