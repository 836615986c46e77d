import type { Msg, NatsConnection } from '../../shared/nats/connect.ts';
import { ensureConsumers } from '../../shared/nats/ensure-consumer.ts';
import { headerValue } from '../../shared/nats/headers.ts';
import { deliveryInfo, settle } from '../../shared/nats/jetstream-message.ts';
import { pullMessages } from '../../shared/nats/pull-messages.ts';
import { findStream } from '../../shared/nats/ensure-stream.ts';
import type { HistoryRow } from './history.ts';

/** One message as a processor got it. */
export interface Received {
  /** Place in its stream: the same place again is a redelivery, another one was published again. */
  readonly sequence: number;
  readonly id: string;
  readonly routeId: string;
  readonly rows: readonly HistoryRow[];
}

export interface Downstream {
  readonly stream: string;
  /** By sequence: what is delivered again is the same message. */
  readonly received: ReadonlyMap<number, Received>;
  stop(): void;
}

const decoder = new TextDecoder();

const read = (message: Msg, sequence: number): Received => {
  const body = JSON.parse(decoder.decode(message.data)) as { route_id: string; query_state: HistoryRow[] };
  return {
    sequence,
    id: headerValue(message.headers, 'Nats-Msg-Id') ?? '',
    routeId: body.route_id,
    rows: body.query_state,
  };
};

/** A processor behind the states: takes what comes and acknowledges it at once. */
export const startDownstream = async (connection: NatsConnection, stream: string): Promise<Downstream> => {
  const info = await findStream(connection, stream);
  if (info === undefined) throw new Error(`there is no stream ${stream}`);
  const durable = 'chaos_processor';
  const ensure = () =>
    ensureConsumers(connection, {
      stream: info,
      durable,
      filterSubjects: info.config.subjects ?? [],
      ackWaitMs: 5_000,
      maxAckPending: 2_000,
    });
  await ensure();
  const received = new Map<number, Received>();
  const puller = pullMessages(connection, {
    stream,
    durable,
    capacity: () => ({ messages: 500, bytes: 16_000_000 }),
    onMessage: (message) => {
      const { sequence } = deliveryInfo(message.reply ?? '');
      received.set(sequence, read(message, sequence));
      settle.ack(connection, message.reply ?? '');
    },
    restore: async () => {
      await ensure();
    },
    onTrouble: () => undefined,
  });
  return { stream, received, stop: () => puller.stop() };
};
