import type { DeliveryMinute, RouteFlow } from '../../../shared/message/delivery-minute.ts';
import { latencyClassOf } from '../../../shared/message/latency-classes.ts';
import type { BatchResult, ConnectorTelemetry, TracedMessage } from './connector-telemetry.ts';

/** What became of messages in the last two hours, minute by minute, in memory: `manage` writes down what it hears of it. */
export interface DeliveryHistory {
  /** Passes everything on to the telemetry that it was made with. */
  readonly telemetry: ConnectorTelemetry;
  /** Minutes that are over, from a time on, the oldest first. Those in which nothing happened are left out. */
  minutes(fromMs: number): readonly DeliveryMinute[];
  /** What went through each route in this minute and the one before. */
  flows(): readonly RouteFlow[];
  /** Notes how many messages wait now. */
  noteWaiting(messages: number): void;
  /** Whether something has happened in this minute. */
  isActive(): boolean;
  /** The minute that runs counts as over from now on: nothing will be added to it. */
  close(): void;
}

/** @param epochMs milliseconds since 1970 */
export const recordHistory = (telemetry: ConnectorTelemetry, epochMs: () => number): DeliveryHistory => {
  const state: State = { minutes: [], epochMs, isClosed: false };
  return {
    telemetry: {
      startBatch: (name, messages) => {
        noteSent(minuteOf(state), messages, epochMs());
        const span = telemetry.startBatch(name, messages);
        return {
          ...span,
          end: (result) => {
            span.end(result);
            noteAnswer(minuteOf(state), messages, result);
          },
        };
      },
      startSettle: (how, messages) => {
        if (how === 'ack') noteAcked(minuteOf(state), messages, epochMs());
        return telemetry.startSettle(how, messages);
      },
      startDeadLetter: (message, why) => {
        const span = telemetry.startDeadLetter(message, why);
        return {
          ...span,
          end: (error) => {
            span.end(error);
            if (error !== undefined) return;
            const minute = minuteOf(state);
            minute.deadLettered += 1;
            addFlow(minute, message, 'deadLettered');
          },
        };
      },
    },
    minutes: (fromMs) => {
      const nowMs = state.isClosed ? Infinity : epochMs();
      return state.minutes
        .filter(({ minuteMs }) => minuteMs >= fromMs && minuteMs + minuteLengthMs <= nowMs)
        .map(({ flows: _flows, latency, ...counts }) => ({ ...counts, latency: [...latency] }));
    },
    flows: () => flowsOf(state),
    noteWaiting: (messages) => {
      const minute = minuteOf(state);
      minute.waiting = Math.max(minute.waiting ?? 0, messages);
    },
    isActive: () => state.minutes.at(-1)?.minuteMs === startOfMinute(epochMs()),
    close: () => void (state.isClosed = true),
  };
};

const minuteLengthMs = 60_000;
const keptMinutes = 120;
/** Routes whose flow is told apart in one minute. */
const maxRoutes = 2_000;

interface Flow {
  acked: number;
  retried: number;
  deadLettered: number;
}

interface Minute extends Flow {
  readonly minuteMs: number;
  coldStarts: number;
  waiting: number | null;
  oldestMs: number | null;
  readonly latency: Map<number, number>;
  /** By the id of the route. */
  readonly flows: Map<string, Flow>;
}

interface State {
  /** Ascending. */
  readonly minutes: Minute[];
  readonly epochMs: () => number;
  isClosed: boolean;
}

const startOfMinute = (ms: number): number => Math.floor(ms / minuteLengthMs) * minuteLengthMs;

const minuteOf = ({ minutes, epochMs }: State): Minute => {
  const minuteMs = startOfMinute(epochMs());
  const last = minutes.at(-1);
  // A clock that was set back must not open a minute that is over: it may have been written down.
  if (last !== undefined && last.minuteMs >= minuteMs) return last;
  const minute: Minute = {
    minuteMs,
    acked: 0,
    retried: 0,
    deadLettered: 0,
    coldStarts: 0,
    waiting: null,
    oldestMs: null,
    latency: new Map(),
    flows: new Map(),
  };
  minutes.push(minute);
  if (minutes.length > keptMinutes) minutes.shift();
  return minute;
};

/** The server's time of a message in milliseconds; digits beyond the microsecond do not matter. */
const ageMs = ({ timestampNs }: TracedMessage, nowMs: number): number =>
  Math.max(0, nowMs - Number(timestampNs) / 1_000_000);

const noteSent = (minute: Minute, messages: readonly TracedMessage[], nowMs: number): void => {
  let oldestMs = minute.oldestMs ?? 0;
  for (const message of messages) oldestMs = Math.max(oldestMs, ageMs(message, nowMs));
  minute.oldestMs = Math.round(oldestMs);
};

const noteAnswer = (minute: Minute, messages: readonly TracedMessage[], { outcomes, isFirst }: BatchResult): void => {
  if (isFirst === true) minute.coldStarts += 1;
  for (const [index, message] of messages.entries()) {
    const outcome = outcomes[index]?.outcome;
    if (outcome === 'ack' || outcome === 'reject') continue;
    minute.retried += 1;
    addFlow(minute, message, 'retried');
  }
};

const noteAcked = (minute: Minute, messages: readonly TracedMessage[], nowMs: number): void => {
  minute.acked += messages.length;
  for (const message of messages) {
    const latencyClass = latencyClassOf(ageMs(message, nowMs));
    minute.latency.set(latencyClass, (minute.latency.get(latencyClass) ?? 0) + 1);
    addFlow(minute, message, 'acked');
  }
};

const addFlow = ({ flows }: Minute, { routeId }: TracedMessage, what: keyof Flow): void => {
  if (routeId === undefined || routeId === null) return;
  let flow = flows.get(routeId);
  if (flow === undefined) {
    if (flows.size === maxRoutes) return;
    flows.set(routeId, (flow = { acked: 0, retried: 0, deadLettered: 0 }));
  }
  flow[what] += 1;
};

const flowsOf = ({ minutes, epochMs }: State): readonly RouteFlow[] => {
  const sinceMs = startOfMinute(epochMs()) - minuteLengthMs;
  const sums = new Map<string, Flow>();
  for (const { flows } of minutes.filter(({ minuteMs }) => minuteMs >= sinceMs)) {
    for (const [routeId, flow] of flows) {
      const sum = sums.get(routeId) ?? { acked: 0, retried: 0, deadLettered: 0 };
      sums.set(routeId, {
        acked: sum.acked + flow.acked,
        retried: sum.retried + flow.retried,
        deadLettered: sum.deadLettered + flow.deadLettered,
      });
    }
  }
  return [...sums].map(([routeId, flow]) => ({ routeId, sinceMs, ...flow }));
};
