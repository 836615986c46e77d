import type { ConnectorReport, DurableReport, RetryReport } from '../../../shared/message/connector-report.ts';
import { deliveryInfo } from '../../../shared/nats/jetstream-message.ts';
import type { BatchResult, ConnectorTelemetry, TracedMessage } from './connector-telemetry.ts';

/** Keeps what an operator asks first: does each function answer, does each durable move, and what is tried again and why. */
export interface DeliveryWatch {
  /** Passes everything on to the telemetry that it was made with. */
  readonly telemetry: ConnectorTelemetry;
  report(connector: string): ConnectorReport;
}

/** @param epochMs milliseconds since 1970 */
export const watchDeliveries = (telemetry: ConnectorTelemetry, epochMs: () => number): DeliveryWatch => {
  const watched: Watched = { functions: new Map(), durables: new Map() };
  return {
    telemetry: {
      ...telemetry,
      startBatch: (name, messages) => {
        const span = telemetry.startBatch(name, messages);
        return {
          ...span,
          end: (result) => {
            span.end(result);
            noteAnswer(watched, { name, messages, result, nowMs: epochMs() });
          },
        };
      },
      startSettle: (how, messages) => {
        noteSettled(watched, messages, epochMs());
        return telemetry.startSettle(how, messages);
      },
    },
    report: (connector) => {
      const timeMs = epochMs();
      return {
        connector,
        timeMs,
        functions: [...watched.functions].map(([name, state]) => ({ name, ...state })),
        durables: [...watched.durables.values()].map((durable) => durableReport(durable, timeMs)),
      };
    },
  };
};

/** What is known of each function by its name, and of each durable by its stream and name. */
interface Watched {
  readonly functions: Map<string, { readonly failingSinceMs: number | null; readonly reason: string | null }>;
  readonly durables: Map<string, Durable>;
}

interface Answered {
  readonly name: string;
  readonly messages: readonly TracedMessage[];
  readonly result: BatchResult;
  readonly nowMs: number;
}

const noteAnswer = ({ functions, durables }: Watched, { name, messages, result, nowMs }: Answered): void => {
  const { failure } = result;
  const failingSinceMs = functions.get(name)?.failingSinceMs ?? nowMs;
  functions.set(name, failure === undefined ? answers : { failingSinceMs, reason: failure });
  for (const [index, message] of messages.entries()) {
    const outcome = result.outcomes[index];
    if (outcome?.outcome === 'ack' || outcome?.outcome === 'reject') continue;
    const { retries } = durableOf(durables, message);
    const sinceMs = retries.get(message.id)?.sinceMs ?? nowMs;
    if (retries.size === maxRetries && !retries.has(message.id)) continue;
    const why = outcome ?? { code: 'function_unavailable', reason: `${name}: ${failure ?? 'no outcome'}` };
    retries.set(message.id, { code: why.code, reason: why.reason, sinceMs, lastMs: nowMs });
  }
};

const noteSettled = ({ durables }: Watched, messages: readonly TracedMessage[], nowMs: number): void => {
  const [first] = messages;
  if (first === undefined) return;
  // The messages of one settlement come from one pipeline; only old servers give it two durables.
  const durable = durableOf(durables, first);
  durable.lastSettledMs = nowMs;
  if (durable.retries.size === 0) return;
  for (const { id } of messages) durable.retries.delete(id);
};

const durableOf = (durables: Map<string, Durable>, message: TracedMessage): Durable => {
  const { consumer } = deliveryInfo(message.reply);
  const key = `${message.stream} ${consumer}`;
  const known = durables.get(key);
  if (known !== undefined) return known;
  const durable = { stream: message.stream, consumer, lastSettledMs: null, retries: new Map<string, Retry>() };
  durables.set(key, durable);
  return durable;
};

/** Messages of a durable whose failures are remembered; the reasons of more than these are the same few. */
const maxRetries = 10_000;

const answers = { failingSinceMs: null, reason: null };

interface Retry {
  readonly code: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly lastMs: number;
}

interface Durable {
  readonly stream: string;
  readonly consumer: string;
  lastSettledMs: number | null;
  /** By the message's id. */
  readonly retries: Map<string, Retry>;
}

/** A message that nobody settles (its stream was deleted) is not tried any more. */
const forgetAfterMs = 900_000;

const durableReport = ({ stream, consumer, lastSettledMs, retries }: Durable, nowMs: number): DurableReport => {
  const byCode = new Map<string, RetryReport & { readonly lastMs: number }>();
  for (const [id, retry] of retries) {
    if (nowMs - retry.lastMs > forgetAfterMs) {
      retries.delete(id);
      continue;
    }
    const known = byCode.get(retry.code) ?? { ...retry, messages: 0 };
    const newest = retry.lastMs > known.lastMs ? retry : known;
    byCode.set(retry.code, {
      code: retry.code,
      reason: newest.reason,
      messages: known.messages + 1,
      sinceMs: Math.min(known.sinceMs, retry.sinceMs),
      lastMs: newest.lastMs,
    });
  }
  return {
    stream,
    consumer,
    lastSettledMs,
    retries: [...byCode.values()].map(({ code, reason, messages, sinceMs }) => ({ code, reason, messages, sinceMs })),
  };
};
