import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { answerMark } from '../../shared/http/answer-mark.ts';
import type { Outcome } from '../../shared/message/outcome.ts';

/** One event of a batch, as the connector sent it. */
export interface ReceivedEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly attempt: number;
  readonly streamsequence: number;
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly data?: { readonly [key: string]: unknown };
  readonly data_base64?: string;
}

/** One request, and the means to misbehave at it. */
export interface Call {
  readonly functionName: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly events: readonly ReceivedEvent[];
  readonly startedMs: number;
  readonly response: ServerResponse;
}

/** `undefined`: acknowledge everything. */
export type Script = (call: Call) => Promise<Reply | undefined> | Reply | undefined;

export type Reply =
  | { readonly outcomes: readonly Outcome[] }
  | {
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
      /** Whether a gateway says it, not the function: always so with 502 and 504. */
      readonly isGateway?: boolean;
    }
  | 'reset'
  /** The headers and a part of the body, then the connection breaks. */
  | 'half'
  /** No answer at all. */
  | 'silence';

export interface ScriptedFunction {
  readonly url: string;
  readonly calls: Call[];
  /** Events that were acknowledged, in the order of their answers. */
  readonly acked: ReceivedEvent[];
  /** Most requests that were under way at the same time. */
  readonly mostConcurrent: number;
  healthy: boolean;
  script: Script;
  close(): Promise<void>;
}

const mark = { [answerMark.name]: answerMark.value };

export const ackAll = (events: readonly ReceivedEvent[]): readonly Outcome[] =>
  events.map(({ id }) => ({ id, outcome: 'ack' }));

/** A gateway with functions whose answers the test writes; everything is acknowledged if no script says otherwise. */
export const startScriptedFunction = async (script: Script = () => undefined): Promise<ScriptedFunction> => {
  const calls: Call[] = [];
  const acked: ReceivedEvent[] = [];
  let underWay = 0;
  let mostConcurrent = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    const functionName = path.split('/')[2] ?? '';
    if (path.endsWith('/healthz')) {
      if (self.healthy) response.writeHead(200, mark).end();
      else response.writeHead(503).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    const isBatch = request.headers['content-type'] === 'application/cloudevents-batch+json';
    const events = isBatch ? (JSON.parse(body) as ReceivedEvent[]) : [];
    const call: Call = { functionName, path, headers: request.headers, body, events, startedMs: Date.now(), response };
    calls.push(call);
    underWay += 1;
    mostConcurrent = Math.max(mostConcurrent, underWay);
    const reply = (await self.script(call)) ?? { outcomes: ackAll(events) };
    underWay -= 1;
    if (reply === 'silence') return;
    if (reply === 'reset') {
      request.socket.destroy();
      return;
    }
    if (reply === 'half') {
      response.writeHead(200, { ...mark, 'content-length': '1000' });
      response.write('{"results": [');
      setTimeout(() => request.socket.destroy(), 20);
      return;
    }
    if ('status' in reply) {
      const isGateway = reply.isGateway ?? (reply.status === 502 || reply.status === 504);
      response.writeHead(reply.status, { ...(isGateway ? {} : mark), ...reply.headers }).end(reply.body ?? '');
      return;
    }
    const done = new Set(reply.outcomes.filter(({ outcome }) => outcome === 'ack').map(({ id }) => id));
    acked.push(...events.filter(({ id }) => done.has(id)));
    response
      .writeHead(200, { ...mark, 'content-type': 'application/json' })
      .end(JSON.stringify({ results: reply.outcomes }));
  };

  const server = createServer((request, response) => {
    // A request that is broken off ends its answer; the test has seen the call.
    answer(request, response).catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const self: ScriptedFunction = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    acked,
    get mostConcurrent() {
      return mostConcurrent;
    },
    healthy: true,
    script,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return self;
};
