import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The events of a batch as far as a stub looks at them. */
export interface StubEvent {
  readonly id: string;
  readonly data?: { readonly route_id?: string };
}

/** Stands for a gateway and its function: answers each event by what is said of it. */
export const startStubGateway = async (
  outcomeOf: (event: StubEvent) => Readonly<Record<string, unknown>>,
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const events = JSON.parse(Buffer.concat(chunks).toString('utf8')) as readonly StubEvent[];
      response.end(JSON.stringify({ results: events.map((event) => ({ id: event.id, ...outcomeOf(event) })) }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
