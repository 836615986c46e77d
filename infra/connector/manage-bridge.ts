import type { Dispatcher } from 'undici';
import { hasToken } from '../../shared/http/check-token.ts';
import { reasonOf } from '../../shared/message/to-outcome.ts';
import type { NatsConnection } from '../../shared/nats/connect.ts';
import {
  serveRequests,
  type NatsReply,
  type NatsRequest,
  type RequestServer,
} from '../../shared/nats/serve-requests.ts';
import { errorFields, type Log } from '../../shared/telemetry/log.ts';

export interface ManageBridgeOptions {
  readonly connection: NatsConnection;
  readonly topic: string;
  readonly client: Dispatcher;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What a requester has to bring as `Authorization: Bearer <token>`. */
  readonly token: string;
  readonly timeoutMs: number;
  readonly log: Log;
}

/**
 * Answers management commands on the manage topic by posting them to the manage function. One replica answers each. A request
 * without the token is refused here: the bridge itself has it, and would lend it to everybody who may publish.
 */
export const bridgeManage = (options: ManageBridgeOptions): RequestServer => {
  const answer = async (request: NatsRequest): Promise<NatsReply> => {
    const { authorization } = request;
    if (!hasToken(authorization === undefined ? {} : { authorization }, options.token)) {
      const reason = 'the shared token is missing or wrong: send it as the header authorization, Bearer ...';
      return { payload: errorBody('unauthorized', reason), headers: { status: '401' } };
    }
    try {
      const { statusCode, body } = await options.client.request({
        path: options.path,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...request.traceContext, ...options.headers },
        body: request.payload,
        signal: AbortSignal.timeout(options.timeoutMs),
      });
      return { payload: new Uint8Array(await body.arrayBuffer()), headers: { status: String(statusCode) } };
    } catch (error) {
      options.log.warn('manage_failed', errorFields(error));
      return { payload: errorBody('function_unavailable', reasonOf(error)), headers: { status: '503' } };
    }
  };
  return serveRequests(options.connection, {
    subject: options.topic,
    queue: options.topic,
    answer,
    onError: (error) => options.log.warn('manage_failed', errorFields(error)),
  });
};

const errorBody = (code: string, reason: string): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ error: { code, reason } }));
