import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '../../shared/nats/connect.ts';
import { headers } from 'nats';
import type { Publisher, PublishOutcome } from '../../shared/message/outgoing-message.ts';
import type { HistoryMessage } from './history.ts';
import type { Random } from './random.ts';

/** Every message that the server has confirmed, and where; and those without an id of which nobody knows. */
export interface PublishLog {
  /** In the order of their first acceptance, per state. */
  readonly accepted: HistoryMessage[];
  /** Confirmed places in the stream: id by sequence. A message can have several, if the server forgot its id. */
  readonly idBySequence: Map<number, string>;
  /** Places that servers confirmed for two messages: they have lost the first one, whatever the store does. */
  readonly reassigned: string[];
  /** When each id was confirmed first, on the clock that the servers have too. */
  readonly acceptedMs: Map<string, number>;
  /** Publishes beyond the first of an id, and how many of them the server took as new. */
  repeats: number;
  repeatsTaken: number;
  /** Publishes without a PubAck: they were tried again if the message has an id. */
  uncertain: number;
  /** Ids that no server has confirmed in all the time that a producer gives it. */
  readonly refused: string[];
}

export const createPublishLog = (): PublishLog => ({
  accepted: [],
  idBySequence: new Map(),
  reassigned: [],
  acceptedMs: new Map(),
  repeats: 0,
  repeatsTaken: 0,
  uncertain: 0,
  refused: [],
});

export interface HistoryPublisher {
  /**
   * Publishes until the server has confirmed it: a producer that does not lose what it has. False if that did not come
   * within a minute, which no fault lasts.
   */
  publish(message: HistoryMessage): Promise<boolean>;
  /** Publishes again what was accepted before, under the same id. */
  repeat(message: HistoryMessage): Promise<void>;
}

const subject = 'processor.state.sync';
const patienceMs = 60_000;

/** Long enough for a server that does answer. */
const namelessTimeoutMs = 2_000;

export const createHistoryPublisher = (
  connection: NatsConnection,
  publisher: Publisher,
  log: PublishLog,
): HistoryPublisher => {
  const publishOnce = async (id: string, body: Uint8Array): Promise<PublishOutcome | undefined> => {
    // Our own publisher would encode what a header does not hold well; another producer writes it as it is.
    if (hasControl(id)) return sendAsItIs(connection, id, body);
    const [outcome] = await publisher.publish([
      { stream: 'processor_state_sync', baseSubject: subject, subject, payload: body, id },
    ]);
    return outcome;
  };
  const send = async ({
    id,
    body,
  }: HistoryMessage): Promise<{ readonly duplicate: boolean; readonly sequence: number } | undefined> => {
    const startedMs = performance.now();
    for (;;) {
      const outcome = await publishOnce(id, body);
      if (outcome?.ok === true) return outcome;
      log.uncertain += 1;
      if (performance.now() - startedMs > patienceMs) {
        log.refused.push(`${id}: ${outcome?.error.message ?? 'no outcome'}`);
        return undefined;
      }
      await sleep(100);
    }
  };
  /** One try: without an id a second one would be another message. Undefined if nobody knows what became of it. */
  const sendNameless = async ({ body }: HistoryMessage): Promise<number | undefined> => {
    try {
      const answer = await connection.request(subject, body, { timeout: namelessTimeoutMs });
      return answer.json<{ readonly seq?: number }>().seq;
    } catch {
      return undefined;
    }
  };
  const place = (sequence: number, id: string): void => {
    const before = log.idBySequence.get(sequence);
    if (before !== undefined && before !== id) log.reassigned.push(`${sequence} for ${before}, then for ${id}`);
    log.idBySequence.set(sequence, id);
  };
  const publishNameless = async (message: HistoryMessage): Promise<void> => {
    const sequence = await sendNameless(message);
    if (sequence === undefined) {
      log.uncertain += 1;
      log.accepted.push({ ...message, unsure: true });
      return sleep(100);
    }
    log.accepted.push(message);
    place(sequence, message.id);
  };
  return {
    publish: async (message) => {
      if (message.state.nameless === true) {
        await publishNameless(message);
        return true;
      }
      const confirmed = await send(message);
      if (confirmed === undefined) return false;
      // A server that still knows the id drops it, or took it at a try whose answer was lost.
      const isUnsure = confirmed.duplicate && message.poison?.codes.includes('identity_reused') === true;
      log.accepted.push(isUnsure ? { ...message, unsure: true } : message);
      if (isUnsure) return true;
      if (message.poison === undefined) log.acceptedMs.set(message.id, Date.now());
      place(confirmed.sequence, message.id);
      return true;
    },
    repeat: async (message) => {
      const confirmed = await send(message);
      if (confirmed === undefined) return;
      const { duplicate, sequence } = confirmed;
      log.repeats += 1;
      if (!duplicate) log.repeatsTaken += 1;
      place(sequence, message.id);
    },
  };
};

// oxlint-disable-next-line no-control-regex
const hasControl = (id: string): boolean => /[\u0000-\u001f]/.test(id);

const sendAsItIs = async (connection: NatsConnection, id: string, body: Uint8Array): Promise<PublishOutcome> => {
  try {
    const own = headers();
    own.append('Nats-Msg-Id', id);
    const answer = await connection.request(subject, body, { headers: own, timeout: namelessTimeoutMs });
    const { seq, duplicate, error } = answer.json<{
      seq?: number;
      duplicate?: boolean;
      error?: { description: string };
    }>();
    if (seq === undefined) return { ok: false, error: new Error(error?.description ?? 'no PubAck') };
    return { ok: true, duplicate: duplicate === true, sequence: seq };
  } catch (cause) {
    return { ok: false, error: new Error('no answer', { cause }) };
  }
};

export interface ProduceOptions {
  readonly publisher: HistoryPublisher;
  readonly next: () => HistoryMessage;
  readonly log: PublishLog;
  readonly random: Random;
  /** Mean pause between two messages (milliseconds). */
  readonly meanPauseMs: number;
  readonly repeatShare: number;
  readonly isOver: () => boolean;
}

/** One producer: one message after the other, so that the order of its state is known; sometimes one of the earlier ones again. */
export const produce = async (options: ProduceOptions): Promise<void> => {
  const { publisher, random, log } = options;
  while (!options.isOver()) {
    // What nobody confirmed may be there or not: such a producer is at its end, and the round has a difference.
    if (!(await publisher.publish(options.next()))) return;
    const again = random.chance(options.repeatShare)
      ? log.accepted[random.between(0, log.accepted.length - 1)]
      : undefined;
    // A message that is refused is dead-lettered under an id of its own: once for each acceptance within the window.
    if (again !== undefined && again.poison === undefined && again.state.nameless !== true)
      await publisher.repeat(again);
    // Bursts, so that batches form.
    if (!random.chance(0.5)) await sleep(options.meanPauseMs * 2 * random.next() * 2);
  }
};
