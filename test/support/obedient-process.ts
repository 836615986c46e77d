import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A function that does as it is told, run as a process of its own by the tests of the function host.
 *
 * - `/echo` returns what it was sent; `/slow?ms=N` answers late; `/crash` dies in the call.
 * - `/stream` writes two chunks with a pause between; `/close` closes its port and stays.
 * - STARTS_FILE gets one line per start, START_DELAY_MS puts readiness off, FAIL_START ends it before it listens.
 */
const startsFile = process.env['STARTS_FILE'];
if (startsFile !== undefined) appendFileSync(startsFile, `${String(process.pid)}\n`);
if (process.env['FAIL_START'] !== undefined) {
  console.error('told to fail');
  process.exit(3);
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const answer = async (): Promise<void> => {
    switch (url.pathname) {
      case '/_/ready':
        response.end('ready');
        break;
      case '/crash':
        process.kill(process.pid, 'SIGKILL');
        break;
      case '/close':
        response.end('closed');
        server.close();
        server.closeIdleConnections();
        setInterval(() => server.closeIdleConnections(), 20);
        break;
      case '/slow':
        await sleep(Number(url.searchParams.get('ms')));
        response.end('slow but sure');
        break;
      case '/stream':
        response.write('first');
        await sleep(100);
        response.end('second');
        break;
      default: {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        response.writeHead(201, { 'content-type': 'application/json', 'x-from-function': 'yes' });
        const body = Buffer.concat(chunks).toString();
        const { method, headers } = request;
        response.end(JSON.stringify({ pid: process.pid, method, url: request.url, headers, body }));
      }
    }
  };
  answer().catch((error: unknown) => {
    response.destroy(error instanceof Error ? error : undefined);
  });
});

await sleep(Number(process.env['START_DELAY_MS'] ?? 0));
server.listen(Number(process.env['PORT']), '127.0.0.1');
if (process.env['IGNORE_SIGTERM'] === undefined) {
  process.once('SIGTERM', () => {
    server.close(() => process.exit(0));
  });
} else {
  process.on('SIGTERM', () => undefined);
}
