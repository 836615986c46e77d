import { writerOf } from './client-writer.ts';
import type { NatsConnection } from './connect.ts';
import { encodedHeaders } from './headers.ts';

/** A message whose headers are a block already. */
export interface FramedMessage {
  readonly subject: string;
  readonly reply: string;
  readonly headers: string;
  /** Of the block as it is sent. */
  readonly headerBytes: number;
  readonly payload: Uint8Array;
}

/**
 * As the client's `publish`, with everything before the payload in one piece: the client by itself encodes its line alone, into memory
 * that the collector has to give back one by one. Where it has no way around that, it does so.
 * @throws what the client throws for a connection that is closed
 */
export const publishFramed = (connection: NatsConnection, message: FramedMessage): void => {
  const { subject, reply, headers, headerBytes, payload } = message;
  const writer = writerOf(connection);
  const isOpen = !connection.isClosed() && !connection.isDraining() && connection.info?.headers === true;
  if (writer === undefined || !isOpen) {
    return connection.publish(subject, payload, { headers: encodedHeaders(headers), reply });
  }
  const line = `HPUB ${subject} ${reply} ${headerBytes} ${headerBytes + payload.byteLength}\r\n`;
  writer.sendCommand(Buffer.from(line + headers), payload, lineEnd);
};

const lineEnd = Buffer.from('\r\n');
