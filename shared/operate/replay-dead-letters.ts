import { createHash } from 'node:crypto';
import { originalHeaders } from '../message/dead-letter.ts';
import { boundedIdentity } from '../message/delivery-identity.ts';
import { editedFromHeader, signReplay } from '../message/replay.ts';
import type { DeadLetterStore, StoredDeadLetter } from '../nats/dead-letter-store.ts';
import { findStream } from '../nats/ensure-stream.ts';
import type { OutgoingMessage } from '../message/outgoing-message.ts';
import { keepLetterEdit } from '../postgres/letter-edits.ts';
import type { ManageContext } from './manage-context.ts';

/** What became of one replay. A failed one is still a dead letter. */
export interface ReplayFailure {
  readonly sequence: number;
  readonly code: string;
  readonly reason: string;
}

export interface ReplayReport {
  readonly replayed: number;
  readonly failed: readonly ReplayFailure[];
}

export interface SentReport extends ReplayReport {
  /** Delivery identities of what was replayed: by them the ledger and new dead letters tell what came of it. */
  readonly identities: readonly string[];
}

/**
 * Sends dead letters back to where they came from, in the order given. Each one is removed only when the server has
 * confirmed its message. A replay takes effect once: the message stands for its original delivery, so the ledger knows
 * what of it was stored before. After a crash between confirmation and removal a second replay has no effect.
 */
export const replayDeadLetters = async (
  context: ManageContext,
  store: DeadLetterStore,
  letters: readonly StoredDeadLetter[],
): Promise<SentReport> => {
  const failed: ReplayFailure[] = [];
  const baseSubjects = new Map<string, string | undefined>();
  const sendable: { readonly letter: StoredDeadLetter; readonly message: OutgoingMessage }[] = [];
  for (const letter of letters) {
    const stream = letter.info?.stream ?? '';
    if (letter.info === undefined || stream === '' || letter.info.subject === '' || letter.info.identity === '') {
      failed.push(failure(letter, 'not_a_dead_letter', 'the message does not say where it came from'));
      continue;
    }
    if (!baseSubjects.has(stream)) baseSubjects.set(stream, await baseSubjectOf(context, stream));
    const baseSubject = baseSubjects.get(stream);
    if (baseSubject === undefined) failed.push(failure(letter, 'unknown_stream', `there is no stream ${stream}`));
    else sendable.push({ letter, message: replayMessage(letter, baseSubject, context.token) });
  }
  const outcomes = await context.bus.publish(sendable.map(({ message }) => message));
  await Promise.all(
    outcomes.map(async (outcome, index) => {
      const { letter } = sendable[index]!;
      if (outcome.ok) {
        await store.remove(letter.sequence);
        return;
      }
      const code = (outcome.error as { readonly code?: unknown }).code;
      failed.push(failure(letter, typeof code === 'string' ? code : 'publish_failed', outcome.error.message));
    }),
  );
  return {
    replayed: outcomes.filter(({ ok }) => ok).length,
    identities: sendable.flatMap(({ letter }, index) =>
      outcomes[index]?.ok === true ? (letter.info?.identity ?? []) : [],
    ),
    failed: failed.sort((one, other) => one.sequence - other.sequence),
  };
};

/**
 * Sends other content in place of a dead letter, and removes the letter when the server has confirmed it. The message has an
 * identity of its own, made of the letter and the content, so that a repeat after a crash is dropped. Both contents are kept
 * first: if they cannot be, nothing is sent. @throws RetryableError of the database
 */
export const sendEdited = async (
  context: ManageContext,
  store: DeadLetterStore,
  letter: StoredDeadLetter,
  payload: Uint8Array,
): Promise<ReplayReport> => {
  const { stream = '', subject = '', identity = '' } = letter.info ?? {};
  const baseSubject = stream === '' ? undefined : await baseSubjectOf(context, stream);
  if (baseSubject === undefined) {
    return { replayed: 0, failed: [failure(letter, 'unknown_stream', `there is no stream ${stream}`)] };
  }
  const digest = createHash('sha256').update(payload).digest('hex').slice(0, 16);
  const id = `edit/${letter.sequence}@${letter.storedMs}/${digest}`;
  // A message that is not confirmed may have been sent all the same: then the letter is still there, which tells.
  await keepLetterEdit(context.pool, {
    identity: boundedIdentity(`${stream}/${id}`),
    editedFrom: identity,
    sequence: letter.sequence,
    actor: context.actor,
    code: letter.info?.code ?? '',
    reason: letter.info?.reason ?? '',
    before: letter.payload,
    after: payload,
  });
  const [outcome] = await context.bus.publish([
    {
      stream,
      baseSubject,
      subject,
      payload,
      id,
      headers: {
        ...Object.fromEntries(originalHeaders(letter.headers)),
        [editedFromHeader]: identity,
      },
    },
  ]);
  if (outcome?.ok === true) {
    await store.remove(letter.sequence);
    return { replayed: 1, failed: [] };
  }
  return { replayed: 0, failed: [failure(letter, 'publish_failed', outcome?.error.message ?? 'no answer')] };
};

const failure = (letter: StoredDeadLetter, code: string, reason: string): ReplayFailure => ({
  sequence: letter.sequence,
  code,
  reason,
});

/** The route's base subject if the stream is one of ours; another stream has to be there already. */
const baseSubjectOf = async (context: ManageContext, stream: string): Promise<string | undefined> => {
  const route = [...context.routing.routes.values()].find(({ name }) => name === stream);
  if (route !== undefined) return route.subject;
  const info = await findStream(await context.bus.connection(), stream);
  return info?.config.subjects?.[0];
};

/**
 * The original message again: same bytes, headers and subject. Its `Nats-Msg-Id` is new, because the stream may still
 * remember the old one and would drop it. It is the same for every try of this replay, so that a repeat after a crash
 * is dropped.
 */
const replayMessage = (letter: StoredDeadLetter, baseSubject: string, token: string | undefined): OutgoingMessage => {
  const { stream = '', subject = '', identity = '', timestampNs = '' } = letter.info ?? {};
  return {
    stream,
    baseSubject,
    subject,
    payload: letter.payload,
    id: `replay/${letter.sequence}@${letter.storedMs}`,
    headers: {
      ...Object.fromEntries(originalHeaders(letter.headers)),
      ...signReplay(token, { stream, identity, timestampNs }, letter.payload),
    },
  };
};
