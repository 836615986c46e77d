import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '../../shared/nats/connect.ts';
import { findStream } from '../../shared/nats/ensure-stream.ts';
import { headerValue } from '../../shared/nats/headers.ts';
import { apiErrorCode, apiErrorCodes } from '../../shared/nats/jetstream-error.ts';
import type { HistoryRow } from './history.ts';
import { insist } from './insist.ts';

/** One message as a processor got it. */
export interface Received {
  /** Place in its stream; another place is another message, published again. */
  readonly sequence: number;
  readonly id: string;
  readonly routeId: string;
  readonly rows: readonly HistoryRow[];
}

export interface Downstream {
  readonly stream: string;
  /** By place and time: what is read again is the same message. */
  readonly received: ReadonlyMap<string, Received>;
  /** Reads what is there to its end, and no more. */
  stop(): Promise<void>;
}

export interface DownstreamOptions {
  readonly stream: string;
  /** Whether what is read is removed, as the acks of a work queue do. */
  readonly removes: boolean;
}

const decoder = new TextDecoder();
const pauseMs = 50;
/** Messages that are asked for at once. */
const maxReads = 64;

/**
 * A processor behind the states: takes what comes. It reads the stream by sequence, without a consumer. The consumers
 * of nats-server 2.9 count ack waits from wrong times once the server was killed. What such a consumer holds back for
 * minutes would look like a forward that never came.
 */
export const startDownstream = async (
  connection: NatsConnection,
  { stream, removes }: DownstreamOptions,
): Promise<Downstream> => {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const lastSequence = async (): Promise<{ readonly first: number; readonly last: number }> => {
    const info = await findStream(connection, stream);
    if (info === undefined) throw new Error(`there is no stream ${stream}`);
    return { first: info.state.first_seq, last: info.state.last_seq };
  };
  const received = new Map<string, Received>();
  let next = removes ? 1 : (await lastSequence()).last + 1;
  const stopped = new AbortController();

  const take = async (sequence: number): Promise<void> => {
    try {
      const { data, header, time } = await manager.streams.getMessage(stream, { seq: sequence });
      const body = JSON.parse(decoder.decode(data)) as { route_id: string; query_state: HistoryRow[] };
      const id = headerValue(header, 'Nats-Msg-Id') ?? '';
      const place = `${sequence}@${time.toISOString()}`;
      received.set(place, { sequence, id, routeId: body.route_id, rows: body.query_state });
      if (removes) await manager.streams.deleteMessage(stream, sequence, false);
    } catch (error) {
      // Removed before, and that the server still knows.
      if (apiErrorCode(error) !== apiErrorCodes.messageNotFound) throw error;
    }
  };

  /** Everything up to what is now the end. */
  const readOn = async (): Promise<void> => {
    const { first, last } = await lastSequence();
    // A killed server that lost its latest sequences gives them to other messages.
    if (last < next - 1) next = 1;
    for (next = Math.max(next, first); next <= last;) {
      const count = Math.min(maxReads, last - next + 1);
      await Promise.all(Array.from({ length: count }, (_, index) => take(next + index)));
      next += count;
    }
  };

  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      // The server may be away: what was not read is read then.
      await readOn().catch(() => undefined);
      await sleep(pauseMs);
    }
  };
  const running = run();
  return {
    stream,
    received,
    stop: async () => {
      stopped.abort();
      await running;
      await insist(readOn);
    },
  };
};
