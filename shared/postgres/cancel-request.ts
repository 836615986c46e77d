import { createTcpSocketClass, type SocketOptions } from './tcp-socket.ts';

/** What a session was told at its start, so that others can end its statements. */
export interface CancelKey {
  readonly processId: number;
  readonly secretKey: number;
}

/**
 * Whether the key is a server's own, as far as it shows. The largest process id of Linux is 2^22; a pooler makes up a key of random
 * bits, of which one in a thousand looks so. Poolers get no cancel requests: PgBouncer 1.18 ends itself on some of them ("bad
 * client state"), and every session with it.
 */
export const isServerKey = ({ processId }: CancelKey): boolean => processId > 0 && processId <= maxProcessId;

const maxProcessId = 2 ** 22;
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
