import { createDispatch } from '../../infra/connector/dispatch/core.ts';
import type { BatchFailure, DispatchCommand, DispatchEvent } from '../../infra/connector/dispatch/protocol.ts';
import type { ReceivedMessage } from '../../infra/connector/intake/received-message.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import { defaultLimits } from '../../shared/routing/default-triggers.ts';
import type { TriggerLimits } from '../../shared/routing/routing.ts';
import { receivedMessage } from './received-message.ts';

/** A request that the core has started and that nobody has answered yet. */
export interface OpenPost {
  readonly requestId: number;
  readonly messages: readonly ReceivedMessage[];
  readonly sequences: readonly number[];
  readonly attempts: readonly number[];
}

type Verdict = 'ack' | Extract<Outcome, { outcome: 'retry' | 'reject' }>['outcome'] | Partial<Outcome>;

/** The core of dispatch with a clock of the test's: the test says what happens and reads what the core wants done. */
export const driveDispatch = (limits: Partial<TriggerLimits> = {}, seed = 1) => {
  const core = createDispatch({ limits: { ...defaultLimits, lingerMs: 0, ...limits }, seed });
  const commands: DispatchCommand[] = [];
  const open = new Map<number, OpenPost>();
  const checks: number[] = [];
  const acked: number[] = [];
  const rejected: Extract<DispatchCommand, { type: 'reject' }>[] = [];
  let nowMs = 1_000;
  let timerAtMs: number | undefined;
  let isLookAsked = false;

  const obey = (command: DispatchCommand): void => {
    commands.push(command);
    if (command.type === 'post_batch') {
      const messages = command.messages.map(({ message }) => message);
      const sequences = messages.map(({ sequence }) => sequence);
      const attempts = command.messages.map(({ attempt }) => attempt);
      open.set(command.requestId, { requestId: command.requestId, messages, sequences, attempts });
    } else if (command.type === 'check_health') checks.push(command.requestId);
    else if (command.type === 'set_timer') timerAtMs = command.atMs;
    else if (command.type === 'look_soon') isLookAsked = true;
    else if (command.type === 'ack') acked.push(...command.messages.map(({ sequence }) => sequence));
    else if (command.type === 'reject') rejected.push(command);
  };
  const feed = (event: DispatchEvent): readonly DispatchCommand[] => {
    const said = core.step(event, nowMs);
    said.forEach(obey);
    return said;
  };
  const look = (): void => {
    if (!isLookAsked) return;
    isLookAsked = false;
    feed({ type: 'looked' });
  };

  const self = {
    core,
    /** Everything that the core has said. */
    commands,
    acked,
    rejected,
    feed,
    look,
    get nowMs() {
      return nowMs;
    },
    /** Requests that wait for an answer, by the sequences of their messages. */
    get open() {
      return [...open.values()].map(({ sequences }) => sequences);
    },
    /** Requests whose health check waits for an answer. */
    checks,
    /** Messages of one key arrive together. */
    receive: (key: string, sequences: readonly number[], more: Partial<ReceivedMessage> = {}): void => {
      for (const sequence of sequences) {
        const message = receivedMessage(sequence, { receivedMs: nowMs, ...more });
        feed({ type: 'message_received', key, message, maxDeliver: undefined });
      }
      look();
    },
    /** The oldest request, or the one that holds that sequence. */
    post: (sequence?: number): OpenPost => {
      const found = [...open.values()].find((one) => sequence === undefined || one.sequences.includes(sequence));
      if (found === undefined) throw new Error(`no request is open with ${sequence ?? 'anything'}`);
      return found;
    },
    /** Answers a request: everything acknowledged unless the test says otherwise by sequence. */
    answer: (post: OpenPost, verdicts: Readonly<Record<number, Verdict>> = {}): readonly DispatchCommand[] => {
      open.delete(post.requestId);
      const outcomes = new Map(
        post.messages.map(({ id, sequence }) => {
          const verdict = verdicts[sequence] ?? 'ack';
          const more = typeof verdict === 'string' ? { outcome: verdict } : verdict;
          return [id, { id, code: 'internal_error', reason: 'why', ...more } as Outcome];
        }),
      );
      return feed({ type: 'batch_answered', requestId: post.requestId, status: 200, outcomes });
    },
    fail: (post: OpenPost, failure: BatchFailure): readonly DispatchCommand[] => {
      open.delete(post.requestId);
      return feed({ type: 'batch_failed', requestId: post.requestId, failure });
    },
    /** Answers all health checks. */
    health: (isAlive: boolean): void => {
      for (const requestId of checks.splice(0)) feed({ type: 'health_answered', requestId, isAlive });
    },
    /** Lets time pass; timers go off when they are due. */
    advance: (byMs: number): void => {
      const untilMs = nowMs + byMs;
      while (timerAtMs !== undefined && timerAtMs <= untilMs) {
        nowMs = Math.max(nowMs, timerAtMs);
        timerAtMs = undefined;
        feed({ type: 'timer' });
      }
      nowMs = untilMs;
      look();
    },
  };
  return self;
};

export const failures = {
  died: { kind: 'died', reason: 'the connection broke' },
  said500: { kind: 'died', reason: 'HTTP 500', status: 500 },
  gateway: { kind: 'gateway_error', reason: 'HTTP 502', status: 502 },
  gatewayRefusal: { kind: 'gateway_error', reason: 'HTTP 400', status: 400 },
  away: { kind: 'unavailable', reason: 'HTTP 503', status: 503, retryAfterMs: 0 },
  overloaded: { kind: 'overloaded', reason: 'HTTP 429', status: 429, retryAfterMs: 0 },
  tooLarge: { kind: 'too_large', reason: 'HTTP 413', status: 413 },
  silent: { kind: 'timeout', reason: 'the function did not answer in time' },
  nonsense: { kind: 'nonsense', reason: 'no list of outcomes', status: 200 },
  misconfigured: { kind: 'misconfigured', reason: 'HTTP 404', status: 404 },
  refused: { kind: 'refused', reason: 'HTTP 422', status: 422 },
} as const satisfies Readonly<Record<string, BatchFailure>>;
