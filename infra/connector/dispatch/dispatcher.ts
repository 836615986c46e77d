import type { ErrorCode } from '../../../shared/errors/error-code.ts';
import { encodeBatch } from '../../../shared/message/cloud-event.ts';
import type { TriggerLimits } from '../../../shared/routing/routing.ts';
import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import type { Clock } from '../clock.ts';
import type { ReceivedMessage } from '../intake/received-message.ts';
import { mayBegin, type Tenure } from '../lease/tenure.ts';
import type { BatchSpan, ConnectorTelemetry } from '../telemetry/connector-telemetry.ts';
import type { ConnectorMetrics } from '../telemetry/metrics.ts';
import { createDispatch, type Dispatch } from './core.ts';
import type { Endpoint } from './endpoints.ts';
import { isHealthy, postBatch } from './post-batch.ts';
import type { DispatchCommand, DispatchEvent, DispatchFact, DispatchView, PostedMessage } from './protocol.ts';
import type { PostResult } from './read-answer.ts';

/** A message that can never succeed, and why. */
export interface Rejection {
  readonly code: ErrorCode;
  readonly reason: string;
  /** Tries that ended in a failure of this very message. */
  readonly attempts: number;
}

export interface DispatcherOptions {
  readonly functionName: string;
  readonly limits: TriggerLimits;
  readonly endpoint: Endpoint;
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: ConnectorMetrics;
  readonly telemetry: ConnectorTelemetry;
  readonly onAcked: (messages: readonly ReceivedMessage[]) => void;
  readonly onRejected: (message: ReceivedMessage, rejection: Rejection) => void;
  /** The function became available or unavailable. */
  readonly onChange: () => void;
  readonly tenure: Tenure;
}

/** Sends a function its messages. It decides nothing: the core does, and this carries out what the core says. */
export interface Dispatcher {
  readonly view: DispatchView;
  feed(event: DispatchEvent): void;
  /** Resolves when no request is in flight. */
  idle(): Promise<void>;
}

/** What the shell keeps beside the core. */
interface Shell extends DispatcherOptions {
  readonly core: Dispatch;
  readonly aborted: AbortController;
  readonly idleWaiters: (() => void)[];
  cancelTimer: () => void;
}

export const createDispatcher = (options: DispatcherOptions): Dispatcher => {
  const core = createDispatch({ limits: options.limits, seed: Math.floor(options.random() * 2 ** 32) });
  const shell: Shell = {
    ...options,
    core,
    aborted: new AbortController(),
    idleWaiters: [],
    cancelTimer: () => undefined,
  };
  return {
    view: core.view,
    feed: (event) => feed(shell, event),
    idle: () =>
      core.view.requestsInFlight === 0 ? Promise.resolve() : new Promise((resolve) => shell.idleWaiters.push(resolve)),
  };
};

const feed = (shell: Shell, event: DispatchEvent): void => {
  const { core, clock, tenure } = shell;
  // Whatever wakes us after a freeze, nothing is begun once the lease is over (L3).
  if (core.view.mode === 'running' && !mayBegin(tenure)) core.step({ type: 'suspend' }, clock.nowMs());
  for (const command of core.step(event, clock.nowMs())) run(shell, command);
  if (event.type === 'drain') shell.cancelTimer();
  if (shell.core.view.requestsInFlight === 0) for (const done of shell.idleWaiters.splice(0)) done();
};

const run = (shell: Shell, command: DispatchCommand): void => {
  switch (command.type) {
    case 'post_batch':
      return void post(shell, command.requestId, command.messages);
    case 'check_health':
      return void checkHealth(shell, command.requestId);
    case 'set_timer': {
      shell.cancelTimer();
      const delayMs = Math.max(1, command.atMs - shell.clock.nowMs());
      shell.cancelTimer = shell.clock.after(delayMs, () => feed(shell, { type: 'timer' }));
      return;
    }
    case 'look_soon':
      return shell.clock.soon(() => feed(shell, { type: 'looked' }));
    case 'abort_requests':
      return shell.aborted.abort();
    case 'ack':
      return shell.onAcked(command.messages);
    case 'reject':
      return shell.onRejected(command.message, command);
    case 'note':
      return note(shell, command.fact);
  }
};

/** Posts a batch and feeds back what came of it, whatever happens. */
const post = async (shell: Shell, requestId: number, posted: readonly PostedMessage[]): Promise<void> => {
  const { functionName, metrics } = shell;
  const span = shell.telemetry.startBatch(
    functionName,
    posted.map(({ message }) => message),
  );
  const result = await postEncoded(shell, posted, span);
  span.end({
    outcomes: posted.map(({ message }) => (result.kind === 'answered' ? result.outcomes.get(message.id) : undefined)),
    failure: result.kind === 'answered' ? undefined : result.reason,
    httpStatus: 'status' in result ? result.status : undefined,
    isFirst: result.kind === 'answered' && result.isFirst === true,
  });
  metrics.add('request_messages', posted.length, functionName);
  metrics.add('requests', 1, result.kind);
  if (result.kind === 'answered') {
    feed(shell, { type: 'batch_answered', requestId, status: result.status, outcomes: result.outcomes });
    return;
  }
  const { kind, reason } = result;
  shell.log.warn('request_failed', { function: functionName, kind, reason, messages: posted.length });
  feed(shell, { type: 'batch_failed', requestId, failure: result });
};

const maxReplyBytes = 16 * 1024 * 1024;

const postEncoded = async (shell: Shell, posted: readonly PostedMessage[], span: BatchSpan): Promise<PostResult> => {
  const { endpoint, limits, metrics, functionName } = shell;
  try {
    const body = encodeBatch(
      posted.map(({ message, attempt }, index) => {
        const { traceparent, tracestate } = span.contextOf(index);
        return { message, attempt, traceparent, tracestate };
      }),
    );
    metrics.add('request_bytes', body.byteLength, functionName);
    return await postBatch(endpoint.client, {
      path: endpoint.path,
      headers: { ...shell.headers, ...span.headers },
      body,
      signal: shell.aborted.signal,
      timeoutMs: limits.requestTimeoutMs,
      maxReplyBytes,
    });
  } catch (error) {
    // Nothing of the messages is known by this, and they must not wait for an answer that never comes.
    shell.log.error('request_not_sent', { function: functionName, ...errorFields(error) });
    return { kind: 'unavailable', reason: 'the request could not be made', retryAfterMs: 0 };
  }
};

const healthTimeoutMs = 5_000;

const checkHealth = async (shell: Shell, requestId: number): Promise<void> => {
  const { client, healthPath } = shell.endpoint;
  const request = { path: healthPath, headers: shell.headers, timeoutMs: healthTimeoutMs };
  const isAlive = await isHealthy(client, { ...request, signal: shell.aborted.signal });
  feed(shell, { type: 'health_answered', requestId, isAlive });
};

const note = ({ log, metrics, functionName, onChange }: Shell, fact: DispatchFact): void => {
  switch (fact.kind) {
    case 'retried': {
      const { code, id, messages } = fact;
      metrics.add('retried', messages, code);
      return log.warn('messages_retried', { function: functionName, code, id, messages });
    }
    case 'batch_too_large': {
      const { reason, nextMaxBytes } = fact;
      return log.warn('batch_too_large', { function: functionName, reason, nextMaxBytes });
    }
    case 'misconfigured':
      return log.error('function_misconfigured', { function: functionName, reason: fact.reason });
    case 'availability_changed':
      log.warn(fact.isOpen ? 'function_unavailable' : 'function_available', { function: functionName });
      return onChange();
  }
};
