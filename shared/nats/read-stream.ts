import type { NatsConnection } from './connect.ts';
import { headerValue, parseHeaders } from './headers.ts';
import { apiSubject } from './jetstream-api.ts';
import { apiErrorCodes } from './jetstream-error.ts';

export interface StoredMessage {
  readonly sequence: number;
  readonly subject: string;
  readonly payload: Uint8Array;
  /** When the stream stored it: nanoseconds since the epoch, as in the deliveries of the message. */
  readonly storedNs: string;
  /** A header by its name, whatever its case; undefined if the message has none. */
  header(name: string): string | undefined;
}

/**
 * The first message of the stream at or after the sequence, without a consumer; undefined if there is none.
 * @throws Error if the server refuses or does not answer
 */
export const nextStoredMessage = (
  connection: NatsConnection,
  stream: string,
  fromSequence: number,
): Promise<StoredMessage | undefined> => get(connection, stream, { seq: fromSequence, next_by_subj: '>' });

/** Whether the stream still holds the message. */
export const isStored = async (connection: NatsConnection, stream: string, sequence: number): Promise<boolean> =>
  (await get(connection, stream, { seq: sequence })) !== undefined;

interface GetAnswer {
  readonly message?: {
    readonly seq: number;
    readonly subject: string;
    readonly data?: string;
    readonly hdrs?: string;
    readonly time: string;
  };
  readonly error?: { readonly err_code?: number; readonly description: string };
}

const get = async (
  connection: NatsConnection,
  stream: string,
  request: Readonly<Record<string, unknown>>,
): Promise<StoredMessage | undefined> => {
  const answer = await connection.request(apiSubject(connection, `STREAM.MSG.GET.${stream}`), JSON.stringify(request), {
    timeout: 5_000,
  });
  const { message, error } = answer.json<GetAnswer>();
  if (error?.err_code === apiErrorCodes.messageNotFound) return undefined;
  if (message === undefined) throw new Error(`stream ${stream} cannot be read: ${error?.description ?? 'no message'}`);
  const headers = message.hdrs === undefined ? undefined : parseHeaders(Buffer.from(message.hdrs, 'base64').toString());
  return {
    sequence: message.seq,
    subject: message.subject,
    payload: message.data === undefined ? new Uint8Array() : Buffer.from(message.data, 'base64'),
    storedNs: nanosecondsOf(message.time),
    header: (name) => headerValue(headers, name),
  };
};

/** An RFC 3339 time in UTC with any number of digits after the second. */
const nanosecondsOf = (time: string): string => {
  const [seconds = '', fraction = ''] = time.replace('Z', '').split('.');
  return `${Date.parse(`${seconds}Z`) / 1_000}${fraction.padEnd(9, '0').slice(0, 9)}`;
};
