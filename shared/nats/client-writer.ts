import type { NatsConnection } from './connect.ts';

/** The client's own part that writes commands as they are; its version is pinned. */
export interface ClientWriter {
  sendCommand(command: Uint8Array, ...payloads: readonly Uint8Array[]): void;
}

/** That part of a connection; undefined where the client has none, and its own calls are to be used. */
export const writerOf = (connection: NatsConnection): ClientWriter | undefined =>
  (connection as { readonly protocol?: ClientWriter }).protocol;
