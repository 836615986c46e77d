import type { StoredDeadLetter } from '../nats/dead-letter-store.ts';

/** A dead letter as it is listed: why it is there and what it was, without its payload. */
export interface DeadLetterLine {
  /** Its place in the dead-letter stream. */
  readonly sequence: number;
  readonly time: string;
  readonly code: string;
  readonly reason: string;
  /** The stream, subject and sequence that it came from. */
  readonly stream: string;
  readonly subject: string;
  readonly streamSequence: number | null;
  readonly identity: string | null;
  readonly messageId: string | null;
  readonly attempts: number | null;
  readonly deliveryCount: number | null;
  readonly bytes: number;
  readonly type: string | null;
  readonly stateId: string | null;
  readonly routeId: string | null;
  readonly traceId: string | null;
  readonly traceUrl: string | null;
}

/** The line of a dead letter, from its headers and the ids in its payload. */
export const describeDeadLetter = (letter: StoredDeadLetter, jaegerUrl: string | undefined): DeadLetterLine => {
  const { info } = letter;
  const traceId = traceIdOf(headerOf(letter, 'traceparent'));
  return {
    sequence: letter.sequence,
    time: info?.time || new Date(letter.storedMs).toISOString(),
    code: info?.code ?? 'unknown',
    reason: info?.reason ?? 'this message was not written by the connector',
    stream: info?.stream ?? '',
    subject: info?.subject ?? '',
    streamSequence: info?.sequence ?? null,
    identity: info?.identity ?? null,
    messageId: info?.messageId ?? null,
    attempts: info?.attempts ?? null,
    deliveryCount: info?.deliveryCount ?? null,
    bytes: letter.payload.byteLength,
    ...idsOf(letter.payload),
    traceId: traceId ?? null,
    traceUrl: traceLink(jaegerUrl, traceId),
  };
};

/** The trace id of a W3C `traceparent`, or undefined. */
export const traceIdOf = (traceparent: string | undefined): string | undefined => {
  const id = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '')?.[1];
  return id === undefined || /^0+$/.test(id) ? undefined : id;
};

/** Where a trace is looked at; null where no Jaeger is configured or the message has no trace. */
export const traceLink = (jaegerUrl: string | undefined, traceId: string | undefined): string | null =>
  jaegerUrl === undefined || traceId === undefined ? null : `${jaegerUrl.replace(/\/+$/, '')}/trace/${traceId}`;

const headerOf = (letter: StoredDeadLetter, name: string): string | undefined =>
  letter.headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1][0];

interface Ids {
  readonly type: string | null;
  readonly stateId: string | null;
  readonly routeId: string | null;
}

/** Payloads beyond this are not parsed for a list: their ids are not worth the pause. */
const maxParsedBytes = 1_048_576;

const idsOf = (payload: Uint8Array): Ids => {
  const none = { type: null, stateId: null, routeId: null };
  if (payload.byteLength > maxParsedBytes) return none;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    if (typeof value !== 'object' || value === null) return none;
    const { type, state_id, route_id } = value as Record<string, unknown>;
    const short = (id: unknown): string | null => (typeof id === 'string' ? id.slice(0, 255) : null);
    return { type: short(type), stateId: short(state_id), routeId: short(route_id) };
  } catch {
    // Not JSON: that may be why it is here.
    return none;
  }
};
