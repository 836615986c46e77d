import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const triesUntilGivingUp = 100;

/**
 * A TCP port of 127.0.0.1 that is free now: `preferred` if it is free (0: no preference), else any. Somebody else may take it first;
 * a caller must notice that. Rejects if a hundred ports in a row are taken.
 */
export const freePort = async (preferred = 0): Promise<number> => {
  let port = preferred === 0 ? anyPort() : preferred;
  for (let tries = 1; !(await listenOnce(port)); tries += 1) {
    if (tries === triesUntilGivingUp) throw new Error('no free port on 127.0.0.1');
    port = anyPort();
  }
  return port;
};

/**
 * Below the ports that systems give to outgoing connections (Linux from 32768, others from 49152). Otherwise a client
 * that tries to reach a server while it starts again could get the server's port for its own end.
 */
const lowestPort = 16_384;
const highestPort = 32_767;

const anyPort = (): number => randomInt(lowestPort, highestPort + 1);

const listenOnce = (port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
