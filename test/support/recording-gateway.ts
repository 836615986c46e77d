import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RecordingGateway {
  readonly url: string;
  readonly requests: readonly Recorded[];
  close(): Promise<void>;
}

const readBody = async (incoming: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/**
 * Stands where an OpenFaaS gateway would, keeps what it is sent and answers as told: a status, with the reason as its text.
 * It deploys nothing.
 */
export const startRecordingGateway = async (
  answer: (request: Recorded) => { readonly status: number; readonly text?: string },
): Promise<RecordingGateway> => {
  const requests: Recorded[] = [];
  const server = createServer((incoming, reply) => {
    void readBody(incoming).then((text) => {
      const request: Recorded = {
        method: incoming.method ?? '',
        path: (incoming.url ?? '').split('?')[0] ?? '',
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      };
      requests.push(request);
      const { status, text: reason = '' } = answer(request);
      reply.writeHead(status).end(reason);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
