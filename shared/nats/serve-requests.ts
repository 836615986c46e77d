import type { Msg } from 'nats';
import type { NatsConnection } from './connect.ts';
import { buildHeaders, headerValue, readHeaders, traceContextOf } from './headers.ts';

export interface NatsRequest {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** W3C trace context of the requester. */
  readonly traceContext: Readonly<Record<string, string>>;
  /** `Bearer <token>`, if the requester has one. */
  readonly authorization: string | undefined;
}

export interface NatsReply {
  readonly payload: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RequestServer {
  /** Takes no further requests and waits for those under way. */
  close(): Promise<void>;
}

/**
 * Answers requests on a core NATS subject as one member of a queue group. `answer` must not throw; what it throws all the
 * same goes to `onError` and the requester runs into its timeout.
 */
export const serveRequests = (
  connection: NatsConnection,
  options: {
    readonly subject: string;
    readonly queue: string;
    readonly answer: (request: NatsRequest) => Promise<NatsReply>;
    readonly onError: (error: unknown) => void;
  },
): RequestServer => {
  const underWay = new Set<Promise<void>>();
  const handle = async (message: Msg): Promise<void> => {
    try {
      const sent = readHeaders(message);
      const reply = await options.answer({
        subject: message.subject,
        payload: message.data,
        traceContext: traceContextOf(sent),
        authorization: headerValue(sent, 'authorization'),
      });
      const headers = reply.headers ? { headers: buildHeaders(Object.entries(reply.headers)) } : {};
      message.respond(reply.payload, headers);
    } catch (error) {
      options.onError(error);
    }
  };
  const track = async (work: Promise<void>): Promise<void> => {
    underWay.add(work);
    await work;
    underWay.delete(work);
  };
  const subscription = connection.subscribe(options.subject, {
    queue: options.queue,
    callback: (error, message) => {
      if (error === null) void track(handle(message));
      else options.onError(error);
    },
  });
  return {
    close: async () => {
      if (!connection.isClosed()) await subscription.drain().catch(options.onError);
      await Promise.all(underWay);
    },
  };
};
