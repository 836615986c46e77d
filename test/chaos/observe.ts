import type { ConsumerInfo } from 'nats';
import type { NatsConnection } from '../../shared/nats/connect.ts';
import { deadLetterPayload } from '../../shared/nats/dead-letter-body.ts';
import { findStream } from '../../shared/nats/ensure-stream.ts';
import { headerEntries, headerValue } from '../../shared/nats/headers.ts';
import { nextStoredMessage } from '../../shared/nats/read-stream.ts';
import { deliveryIdentity } from '../../shared/message/delivery-identity.ts';
import { parseDeadLetterHeaders } from '../../shared/message/dead-letter.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import type { ChaosState } from './history.ts';

export interface StoredState {
  readonly count: number;
  /** By position: cell text by column name. */
  readonly rows: ReadonlyMap<number, ReadonlyMap<string, string | null>>;
  readonly mapping: readonly { readonly key: string; readonly at: number }[];
  readonly ledger: readonly LedgerRow[];
}

export interface LedgerRow {
  readonly id: string;
  readonly start: number | null;
  readonly rows: number;
  readonly forwarded: boolean;
  /** When the rows became visible; of a delivery without rows, when its transaction began. */
  readonly committedMs: number;
}

export interface StoredLetter {
  readonly identity: string;
  readonly code: string;
  readonly payload: Uint8Array;
  readonly storedMs: number;
  readonly sourceSequence: number;
}

/** Reads a state back as its readers do. */
export const readState = async (pool: DatabasePool, state: ChaosState): Promise<StoredState> => {
  const [found] = await pool.query<{ count: number }>('select count from state where id = $1', [state.stateId]);
  const cells = await pool.query<{ at: string; name: string; value: string | null }>(
    `select d.data_index as at, c.name, coalesce(d.data_value, d.data_json_value::text) as value
       from state_column c join state_column_data d on d.column_id = c.id where c.state_id = $1`,
    [state.stateId],
  );
  const rows = new Map<number, Map<string, string | null>>();
  for (const { at, name, value } of cells) {
    const row = rows.get(Number(at)) ?? new Map<string, string | null>();
    rows.set(Number(at), row.set(name, value));
  }
  const mapping = await pool.query<{ key: string; at: string }>(
    'select state_key as key, data_index as at from state_column_data_mapping where state_id = $1',
    [state.stateId],
  );
  // The ledger's own time is that of the transaction's start, and its row is written again when the forwards are done.
  const ledger = await pool.query<{
    id: string;
    start: string | null;
    rows: number;
    forwarded: boolean;
    committed: string;
  }>(
    `select l.message_id as id, l.start_index as start, l.row_count as rows, l.forwarded,
            (extract(epoch from coalesce(
              (select pg_xact_commit_timestamp(d.xmin) from state_column c join state_column_data d on d.column_id = c.id
                where c.state_id = l.state_id and d.data_index = l.start_index limit 1),
              l.applied_at)) * 1000)::text as committed
       from state_sync.ledger l where l.state_id = $1 order by l.start_index`,
    [state.stateId],
  );
  return {
    count: found?.count ?? -1,
    rows,
    mapping: mapping.map(({ key, at }) => ({ key, at: Number(at) })),
    ledger: ledger.map(({ committed, start, ...row }) => ({
      ...row,
      start: start === null ? null : Number(start),
      committedMs: Number(committed),
    })),
  };
};

/** Every dead letter of the stream beyond that sequence. */
export const readLetters = async (
  connection: NatsConnection,
  stream: string,
  afterSequence: number,
): Promise<readonly StoredLetter[]> => {
  const info = await findStream(connection, stream);
  if (info === undefined) return [];
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const letters: StoredLetter[] = [];
  for (let seq = Math.max(afterSequence + 1, info.state.first_seq); seq <= info.state.last_seq; seq += 1) {
    const stored = await manager.streams.getMessage(stream, { seq });
    const headers = headerEntries(stored.header);
    const letter = parseDeadLetterHeaders(headers);
    letters.push({
      identity: letter?.identity ?? `not a dead letter: ${String(seq)}`,
      code: letter?.code ?? '',
      payload: deadLetterPayload({ headers, payload: stored.data }),
      storedMs: stored.time.getTime(),
      sourceSequence: letter?.sequence ?? 0,
    });
  }
  return letters;
};

/** What a stream still holds, and what its consumers still have to do. */
export interface Backlog {
  readonly messages: number;
  /** Not delivered yet. */
  readonly pending: number;
  /** Delivered, not settled as the consumer has it, and still in the stream. */
  readonly unsettled: number;
  /**
   * Counted as delivered and not settled by a consumer of a stream that holds no such message: after SIGKILL nats-server
   * 2.9 can recover a consumer that is older than its stream. Nothing can ever deliver or settle them.
   */
  readonly phantoms: number;
  /** Requests for messages that wait at the server: with none, nobody asks for what is open. */
  readonly pulls: number;
}

/**
 * How many of the consumer's unsettled deliveries the stream still holds; all of them lie behind its ack floor. Messages
 * there that a killed server merely kept count too: from here they look the same.
 */
const heldOf = async (connection: NatsConnection, stream: string, consumer: ConsumerInfo): Promise<number> => {
  let held = 0;
  for (let next = consumer.ack_floor.stream_seq + 1; held < consumer.num_ack_pending; held += 1) {
    const message = await nextStoredMessage(connection, stream, next);
    if (message === undefined || message.sequence > consumer.delivered.stream_seq) break;
    next = message.sequence + 1;
  }
  return held;
};

export const backlogOf = async (connection: NatsConnection, stream: string): Promise<Backlog> => {
  const info = await findStream(connection, stream);
  if (info === undefined) return { messages: 0, pending: 0, unsettled: 0, phantoms: 0, pulls: 0 };
  const manager = await connection.jetstreamManager({ checkAPI: false });
  let pending = 0;
  let unsettled = 0;
  let phantoms = 0;
  let pulls = 0;
  for await (const consumer of manager.consumers.list(stream)) {
    const held = await heldOf(connection, stream, consumer);
    pending += consumer.num_pending;
    unsettled += held;
    phantoms += consumer.num_ack_pending - held;
    pulls += consumer.num_waiting;
  }
  return { messages: info.state.messages, pending, unsettled, phantoms, pulls };
};

/** The identities of what a stream holds. */
export const leftIn = async (connection: NatsConnection, stream: string): Promise<readonly string[]> => {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const identities: string[] = [];
  for (let next = 1; ;) {
    const message = await nextStoredMessage(connection, stream, next);
    if (message === undefined) return identities;
    const { sequence, storedNs: timestampNs } = message;
    const { header } = await manager.streams.getMessage(stream, { seq: sequence });
    const messageId = headerValue(header, 'Nats-Msg-Id');
    identities.push(deliveryIdentity({ stream, sequence, timestampNs, messageId }));
    next = sequence + 1;
  }
};
