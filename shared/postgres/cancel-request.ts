import { createTcpSocketClass, type SocketOptions } from './tcp-socket.ts';

/** What a session was told at its start, so that others can end its statements. */
export interface CancelKey {
  readonly processId: number;
  readonly secretKey: number;
}

const cancelCode = 80_877_102;
const withinMs = 1_000;

/**
 * Asks the server to end the statement of a session, over a connection of its own that is encrypted as the session's is. Never
 * rejects: whether it arrived in time cannot be known anyway.
 *
 * @returns when the server has taken it, or after a second.
 */
export const sendCancelRequest = (options: SocketOptions, key: CancelKey): Promise<void> =>
  new Promise((resolve) => {
    const message = Buffer.alloc(16);
    message.writeInt32BE(16, 0);
    message.writeInt32BE(cancelCode, 4);
    message.writeInt32BE(key.processId, 8);
    message.writeInt32BE(key.secretKey, 12);
    const socket = new (createTcpSocketClass(options))('');
    const timer = setTimeout(() => {
      socket.close();
      resolve();
    }, withinMs);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    socket.addEventListener('open', () => {
      socket.send(message);
      socket.close();
    });
    // The server answers by closing.
    socket.addEventListener('close', end);
    socket.addEventListener('error', end);
  });
