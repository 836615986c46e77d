import type { StoredMsg } from 'nats';
import type { NatsConnection } from './connect.ts';
import { jetstreamManager } from './jetstream-api.ts';
import { parseDeadLetterHeaders, type DeadLetterInfo, type HeaderEntry } from '../message/dead-letter.ts';
import { deadLetterPayload } from './dead-letter-body.ts';
import { findStream } from './ensure-stream.ts';
import { headerEntries } from './headers.ts';
import { apiErrorCode, apiErrorCodes } from './jetstream-error.ts';

/** One message of the dead-letter stream. */
export interface StoredDeadLetter {
  /** Its place in the dead-letter stream: the name by which it is shown, replayed and purged. */
  readonly sequence: number;
  readonly storedMs: number;
  /** What the headers say; undefined if the message was not written by the connector. */
  readonly info: DeadLetterInfo | undefined;
  readonly headers: readonly HeaderEntry[];
  /** The original bytes. */
  readonly payload: Uint8Array;
}

export interface DeadLetterSummary {
  readonly messages: number;
  readonly bytes: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** Reads and removes dead letters without a consumer: nothing is left behind on the server. */
export interface DeadLetterStore {
  /** Undefined if there is no such stream: nothing was ever given up. */
  summary(): Promise<DeadLetterSummary | undefined>;
  get(sequence: number): Promise<StoredDeadLetter | undefined>;
  /** Those at or below `from`, newest first; reads ahead a few messages only. */
  newestFirst(from: number, first: number): AsyncGenerator<StoredDeadLetter>;
  /** Those in `[from, to]`, oldest first. */
  oldestFirst(from: number, to: number): AsyncGenerator<StoredDeadLetter>;
  /** Whether it was there. */
  remove(sequence: number): Promise<boolean>;
  /** Removes all up to and including `to`; how many there were. */
  purge(to: number): Promise<number>;
}

/** Messages that are read at the same time; each may be as large as the server's payload limit. */
const windowMessages = 16;

/** What servers answer to the removal of what is not there; of a missing stream too. */
const notThereCodes: ReadonlySet<number | undefined> = new Set([
  apiErrorCodes.messageNotFound,
  apiErrorCodes.streamNotFound,
  apiErrorCodes.messageDeleteFailed,
  apiErrorCodes.sequenceNotFound,
]);

/**
 * The dead letters of a stream. Letters that were replayed or purged leave gaps in the sequences. So the walks read
 * windows of exact sequences and jump over what is empty: a stream with a million holes costs a few requests.
 * @throws Error of the client if the server refuses or does not answer
 */
export const createDeadLetterStore = (connection: NatsConnection, stream: string): DeadLetterStore => {
  const manager = () => jetstreamManager(connection);

  const read = async (query: {
    readonly seq: number;
    readonly next_by_subj?: string;
  }): Promise<StoredMsg | undefined> => {
    try {
      return await (await manager()).streams.getMessage(stream, query);
    } catch (error) {
      const code = apiErrorCode(error);
      if (code === apiErrorCodes.messageNotFound || code === apiErrorCodes.streamNotFound) return undefined;
      throw error;
    }
  };

  const get = async (sequence: number): Promise<StoredDeadLetter | undefined> => {
    const stored = await read({ seq: sequence });
    return stored === undefined ? undefined : toDeadLetter(stored);
  };

  const readWindow = async (from: number, to: number): Promise<StoredDeadLetter[]> =>
    (await Promise.all(range(from, to).map(get))).filter((letter) => letter !== undefined);

  const nextSequence = async (from: number): Promise<number | undefined> =>
    (await read({ seq: Math.max(1, from), next_by_subj: '>' }))?.seq;

  /** The highest stored sequence in `[first, at]`: spans of doubling size until one holds something, then halving. */
  const previousSequence = async (at: number, first: number): Promise<number | undefined> => {
    for (let span = windowMessages; ; span *= 2) {
      const from = Math.max(first, at - span + 1);
      const found = await nextSequence(from);
      if (found !== undefined && found <= at) {
        let low = found;
        let high = at;
        while (low < high) {
          const middle = Math.ceil((low + high) / 2);
          const next = await nextSequence(middle);
          if (next !== undefined && next <= at) low = next;
          else high = middle - 1;
        }
        return low;
      }
      if (from <= first) return undefined;
    }
  };

  return {
    summary: async () => {
      const info = await findStream(connection, stream);
      if (info === undefined) return undefined;
      const { messages, bytes, first_seq: firstSequence, last_seq: lastSequence } = info.state;
      return { messages, bytes, firstSequence, lastSequence };
    },
    get,
    newestFirst: async function* (from, first) {
      let at: number | undefined = from;
      while (at !== undefined && at >= first) {
        const low: number = Math.max(first, at - windowMessages + 1);
        const letters = await readWindow(low, at);
        yield* letters.reverse();
        at = low - 1;
        if (letters.length === 0 && at >= first) at = await previousSequence(at, first);
      }
    },
    oldestFirst: async function* (from, to) {
      let at: number | undefined = from;
      while (at !== undefined && at <= to) {
        const high: number = Math.min(to, at + windowMessages - 1);
        const letters = await readWindow(at, high);
        yield* letters;
        at = high + 1;
        if (letters.length === 0 && at <= to) at = await nextSequence(at);
      }
    },
    remove: async (sequence) => {
      try {
        // Not erased: overwriting the bytes on disk costs a write per message.
        return await (await manager()).streams.deleteMessage(stream, sequence, false);
      } catch (error) {
        if (notThereCodes.has(apiErrorCode(error))) return false;
        throw error;
      }
    },
    purge: async (to) => (await (await manager()).streams.purge(stream, { seq: to + 1 })).purged,
  };
};

const toDeadLetter = (stored: StoredMsg): StoredDeadLetter => {
  const headers = headerEntries(stored.header);
  return {
    sequence: stored.seq,
    storedMs: stored.time.getTime(),
    info: parseDeadLetterHeaders(headers),
    headers,
    payload: deadLetterPayload({ headers, payload: stored.data }),
  };
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
