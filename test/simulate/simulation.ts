import { createDispatch } from '../../infra/connector/dispatch/core.ts';
import type { BatchFailure, PostedMessage } from '../../infra/connector/dispatch/protocol.ts';
import type { ReceivedMessage } from '../../infra/connector/intake/received-message.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import { defaultLimits } from '../../shared/routing/default-triggers.ts';
import type { TriggerLimits } from '../../shared/routing/routing.ts';
import { createModelConnector, type ModelConnector } from './model-connector.ts';
import { createModelFunctions, type Call } from './model-functions.ts';
import {
  ackWaitMs,
  createModelServer,
  type AnswerOnTheWire,
  type Delivery,
  type Entry,
  type MessageKind,
  type ServerSnapshot,
} from './model-server.ts';

export interface PlannedMessage {
  readonly key: string;
  readonly kind: MessageKind;
}

export interface SimulationPlan {
  readonly messages: readonly PlannedMessage[];
  /** Of the streams that are made anew. */
  readonly laterMessages: readonly PlannedMessage[];
  readonly seed: number;
  /** A function refuses larger batches with 413. */
  readonly largestBatch: number;
  /** Messages that the connector may hold. */
  readonly room: number;
}

/** One thing that can happen next. */
interface Action {
  readonly name: string;
  readonly act: (choice: number) => void;
}

const fixedLimits = {
  ...defaultLimits,
  maxBatchMessages: 4,
  maxConcurrentRequests: 3,
  maxInFlightBytes: 1_000_000,
  maxAttempts: 4,
  killsBeforeDeadLetter: 3,
  backoffMaxMs: 2_000,
};
const processes = 2;
/** What takes an innocent message's request down while it is alone in it; one more would rightly be held against it. */
const mostFailuresAlone = fixedLimits.killsBeforeDeadLetter - 1;
/** Answers that leave a message out count as attempts of its own. */
const mostOmissions = 2;
const calmSteps = 3_000;
const nothingPaused = { isFunctionPaused: false, keys: new Set<string>() };

const badKinds: ReadonlySet<MessageKind> = new Set(['unknown', 'refused', 'unreadable', 'killer']);

/**
 * A stream, a connector, functions with their ledger, and a clock; somebody else decides which step is next. Any step may be lost,
 * doubled, late or out of order. What is wrong is said by the number of the promise (infra/connector/README.md, C1 to C13 and C15).
 */
export const createSimulation = (plan: SimulationPlan) => {
  const limits: TriggerLimits = { ...fixedLimits, maxInFlightMessages: plan.room };
  const server = createModelServer(plan.messages);
  const functions = createModelFunctions();
  const faults = new Set<string>();
  const trace: string[] = [];
  const byId = new Map<string, Entry>();
  const deletedIds = new Set<string>();
  const letters = new Map<string, { count: number; isStored: boolean }>();
  /** Dead letters that are being stored. */
  const giving = new Map<string, { readonly message: ReceivedMessage; readonly life: number }>();
  const settledIds = new Set<string>();
  const failuresAlone = new Map<string, number>();
  const omissions = new Map<string, number>();
  const calls: Call[] = [];
  const healthChecks: { readonly requestId: number; readonly life: number }[] = [];
  let nowMs = 1_000_000;
  let life = 0;
  let toConnector: Delivery[] = [];
  let toServer: AnswerOnTheWire[] = [];
  let isConnected = true;
  let snapshot: ServerSnapshot = server.snapshot();
  let isOrderPromised = true;
  /** Keys that had a failure in this life: only for the others it is known that nothing holds them up. */
  let troubledKeys = new Set<string>();
  let hadWholeFailure = false;
  let unavailableUntilMs = 0;
  let hasEnded = false;
  /** What an operator has paused; it outlives the connector. */
  let paused: { readonly isFunctionPaused: boolean; readonly keys: ReadonlySet<string> } = nothingPaused;

  const fault = (text: string): void => void faults.add(text);
  const note = (text: string): void => void trace.push(text);

  const index = (): void => {
    for (const entry of server.entries) byId.set(entry.id, entry);
  };
  index();

  // ------------------------------------------------------------------ what the connector reaches

  const send = (answer: AnswerOnTheWire): void => {
    if (isConnected) toServer.push(answer);
  };

  /** Messages of a key that are earlier in the stream and not done: none may be passed (C3). */
  const earlierUndone = (entry: Entry): Entry | undefined =>
    server.entries.find(
      (other) =>
        other.key === entry.key &&
        other.sequence < entry.sequence &&
        other.kind !== 'unreadable' &&
        !settledIds.has(other.id) &&
        !other.isRemoved,
    );

  const checkPost = (requestId: number, entries: readonly Entry[]): void => {
    const inFlight = calls.filter((call) => call.life === life && call.isAwaited);
    if (inFlight.length >= limits.maxConcurrentRequests) fault(`C11: request ${requestId} is one too many`);
    if (nowMs < unavailableUntilMs) fault(`C11: request ${requestId} goes to a function that is away`);
    if (entries.length > limits.maxBatchMessages) fault(`C11: request ${requestId} is too large`);
    const keys = new Set(entries.map(({ key }) => key));
    if (paused.isFunctionPaused) fault(`C15: request ${requestId} goes to a paused function`);
    for (const key of keys)
      if (paused.keys.has(key)) fault(`C15: request ${requestId} holds messages of ${key}, which is paused`);
    for (const call of inFlight) {
      for (const { key } of call.entries) if (keys.has(key)) fault(`C2: two requests hold messages of ${key}`);
    }
    const sent = new Set<string>();
    for (const entry of entries) {
      // What is left of a deleted stream is worked on, but its order is over with it.
      if (entry.generation !== server.generation) continue;
      const undone = earlierUndone(entry);
      if (undone !== undefined && !sent.has(undone.id) && isOrderPromised && !connector.hasLostPatience) {
        fault(`C3: ${entry.id} goes before ${undone.id}`);
      }
      sent.add(entry.id);
    }
  };

  const post = (requestId: number, messages: readonly PostedMessage[]): void => {
    const entries = messages.map(({ message }) => byId.get(message.id)!);
    checkPost(requestId, entries);
    note(`post ${requestId}: ${entries.map(({ id }) => id).join(' ')}`);
    const process = requestId % processes;
    calls.push({ requestId, life, process, entries, isAwaited: true, outcomes: undefined });
  };

  let answered: ReadonlyMap<string, Outcome> = new Map();
  const onAck = (messages: readonly ReceivedMessage[]): void => {
    for (const message of messages) {
      if (answered.get(message.id)?.outcome !== 'ack') fault(`C1: ${message.id} is acknowledged unasked`);
      settledIds.add(message.id);
      connector.settle('ack', message);
    }
  };
  const onReject = (message: ReceivedMessage, code: string): void => {
    note(`reject ${message.id}: ${code}`);
    const { kind } = byId.get(message.id)!;
    if (!badKinds.has(kind)) fault(`${code === 'function_killed' ? 'C7' : 'C8'}: ${message.id} is given up: ${code}`);
    // Its key goes on: what is given up is never stored.
    settledIds.add(message.id);
    giving.set(message.id, { message, life });
  };

  const startConnector = (): ModelConnector => {
    life += 1;
    troubledKeys = new Set();
    hadWholeFailure = false;
    unavailableUntilMs = 0;
    giving.clear();
    const started = createModelConnector(
      {
        seed: plan.seed + life,
        limits,
        generationOf: ({ id }) => byId.get(id)!.generation,
        entryOf: ({ sequence, generation }) => byId.get(`g${generation}m${sequence}`)!,
      },
      {
        nowMs: () => nowMs,
        position: server.position,
        nextStored: server.nextStored,
        send,
        post,
        checkHealth: (requestId) => void healthChecks.push({ requestId, life }),
        abortRequests: () => {
          for (const call of calls) if (call.life === life && call.isAwaited) failCall(call, stopped);
        },
        onAck,
        onReject,
      },
    );
    started.feed({ type: 'pauses_changed', ...paused });
    return started;
  };
  let connector = startConnector();

  // ------------------------------------------------------------------ what can happen

  const stopped: BatchFailure = { kind: 'unavailable', reason: 'the connector stops', retryAfterMs: 0 };
  const died: BatchFailure = { kind: 'died', reason: 'the connection broke' };

  const removeCall = ({ requestId, life: from }: Call): void => {
    const at = calls.findIndex((call) => call.requestId === requestId && call.life === from);
    if (at !== -1) calls.splice(at, 1);
  };

  /** The connector hears that the request failed; what the function does with it goes on. */
  const failCall = (call: Call, failure: BatchFailure): void => {
    call.isAwaited = false;
    if (call.life !== life) return;
    note(`request ${call.requestId} ${failure.kind}`);
    for (const { key } of call.entries) troubledKeys.add(key);
    if (failure.kind === 'unavailable' && failure !== stopped) {
      unavailableUntilMs = nowMs + Math.min(failure.retryAfterMs, limits.backoffMaxMs);
    }
    hadWholeFailure = true;
    connector.feed({ type: 'batch_failed', requestId: call.requestId, failure });
  };

  const answerCall = (call: Call, outcomes: readonly Outcome[]): void => {
    call.isAwaited = false;
    if (call.life !== life) return;
    note(`request ${call.requestId} answered: ${outcomes.map(({ id, outcome }) => `${id} ${outcome}`).join(', ')}`);
    for (const { id, outcome } of outcomes) if (outcome === 'retry') troubledKeys.add(byId.get(id)!.key);
    if (outcomes.length < call.entries.length) for (const { key } of call.entries) troubledKeys.add(key);
    if (outcomes.some((outcome) => outcome.outcome === 'retry' && outcome.code === 'database_unavailable')) {
      hadWholeFailure = true;
    }
    unavailableUntilMs = 0;
    answered = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
    const event = { type: 'batch_answered', requestId: call.requestId, status: 200, outcomes: answered } as const;
    connector.feed(event);
    answered = new Map();
  };

  const innocentAlone = (call: Call): string | undefined => {
    const [only] = call.entries;
    return call.entries.length === 1 && only !== undefined && only.kind !== 'killer' ? only.id : undefined;
  };
  /** Whether the request may fail as a whole without its one message being blamed for it. */
  const mayFail = (call: Call): boolean => {
    const id = innocentAlone(call);
    return id === undefined || (failuresAlone.get(id) ?? 0) < mostFailuresAlone;
  };
  const failWhole = (call: Call, failure: BatchFailure): void => {
    const id = innocentAlone(call);
    if (id !== undefined && call.isAwaited) failuresAlone.set(id, (failuresAlone.get(id) ?? 0) + 1);
    if (call.isAwaited) failCall(call, failure);
  };

  /** The process ends with everything that it works on. */
  const killProcess = (process: number, failure: BatchFailure = died): void => {
    for (const call of calls.filter((each) => each.process === process)) {
      removeCall(call);
      failWhole(call, failure);
    }
  };

  const workOn = (call: Call, count?: number): void => {
    if (call.entries.length > plan.largestBatch) {
      removeCall(call);
      const failure = { kind: 'too_large', status: 413, reason: 'too large' } as const;
      if (call.isAwaited) failCall(call, failure);
      return;
    }
    const killer = call.entries.findIndex(({ kind }) => kind === 'killer');
    if (killer !== -1 && !functions.isDatabaseAway) {
      note(`${call.entries[killer]!.id} kills process ${call.process}`);
      killProcess(call.process);
      return;
    }
    const outcomes = functions.work(call, count);
    if (count === undefined) call.outcomes = outcomes;
  };

  const breakConnection = (areAnswersHeard: boolean): void => {
    note(`the connection breaks; answers on their way are ${areAnswersHeard ? 'heard' : 'lost'}`);
    if (areAnswersHeard) for (const answer of toServer) hear(answer);
    toServer = [];
    toConnector = [];
    isConnected = false;
    connector.disconnected();
  };

  const hear = (answer: AnswerOnTheWire): void => {
    const { kind, sequence, generation } = answer;
    if (generation !== 0 && generation !== server.generation) {
      // An answer that was under way when its stream was deleted is not the connector's fault.
      return;
    }
    const entry = server.entries[sequence - 1];
    if (generation !== 0 && entry !== undefined) {
      if (kind === 'ack' && !functions.isStored(entry.id)) fault(`C1: ${entry.id} is acknowledged and not stored`);
      if (kind === 'term' && letters.get(entry.id)?.isStored !== true)
        fault(`C5: ${entry.id} ended without its letter`);
    }
    server.answer(answer, nowMs);
  };

  const newLife = (): void => {
    for (const call of calls) if (call.life === life) call.isAwaited = false;
    toConnector = [];
    isConnected = true;
    if (connector.hasLostPatience) isOrderPromised = false;
    connector = startConnector();
    hasEnded = false;
  };

  /** Nothing holds up a key that had no failure, while time passes (C6). */
  const checkIdle = (): void => {
    if (hadWholeFailure || hasEnded || paused.isFunctionPaused) return;
    const inFlight = calls.filter((call) => call.life === life && call.isAwaited);
    if (inFlight.length > 0) return;
    for (const entry of server.entries) {
      if (entry.kind === 'unreadable' || troubledKeys.has(entry.key) || !connector.isHeld(entry)) continue;
      if (paused.keys.has(entry.key)) continue;
      if (settledIds.has(entry.id) || giving.has(entry.id)) continue;
      if (server.entries.some(({ key, sequence }) => key === entry.key && connector.isAwaited(sequence))) continue;
      fault(`C6: nothing holds up ${entry.id}, and it is not sent`);
    }
  };

  const advanceTo = (atMs: number): void => {
    if (atMs > nowMs + limits.lingerMs) checkIdle();
    nowMs = Math.max(nowMs, atMs);
  };

  const deliver = (sequence: number): void => {
    const delivery = server.deliver(sequence, nowMs);
    if (delivery !== undefined) toConnector.push(delivery);
  };

  const isOver = (): boolean =>
    server.isAtRest() && giving.size === 0 && toServer.length === 0 && toConnector.length === 0;

  /** What brings the work forward. */
  const progress = (): Action[] => {
    const actions: Action[] = [];
    const add = (name: string, act: (choice: number) => void): void => void actions.push({ name, act });
    if (!isConnected) add('reconnect', () => void (isConnected = true));
    if (isConnected && !connector.isReading && connector.dispatch.view.mode === 'running') {
      add('look what is under way', () => connector.begin());
    }
    if (isConnected && connector.isReading) {
      const deliverable = server.deliverable(nowMs);
      if (deliverable.length > 0 && connector.room(toConnector.length) > 0) {
        add('deliver', (choice) => deliver(deliverable[choice % deliverable.length]!));
      }
    }
    if (toConnector.length > 0) {
      add('arrive', () => {
        connector.take(toConnector.shift()!);
        if (connector.heldMessages > limits.maxInFlightMessages) fault('C12: more is held than there is room for');
      });
    }
    if (toServer.length > 0) add('hear', () => hear(toServer.shift()!));
    for (const call of calls) {
      if (call.outcomes === undefined) add('work', () => workOn(call));
      else {
        const { outcomes } = call;
        add('answer', () => {
          removeCall(call);
          if (call.isAwaited) answerCall(call, outcomes);
        });
      }
    }
    for (const check of healthChecks) {
      add('health', () => {
        healthChecks.splice(healthChecks.indexOf(check), 1);
        const { requestId } = check;
        if (check.life === life) connector.feed({ type: 'health_answered', requestId, isAlive: true });
      });
    }
    for (const [id, { message, life: from }] of giving) {
      add('store a dead letter', () => {
        storeLetter(id);
        giving.delete(id);
        if (from !== life) return;
        connector.settle('term', message);
      });
    }
    if (connector.nextTimeMs() <= nowMs) add('tick', () => connector.tick());
    if (paused !== nothingPaused) add('an operator lets everything go on', () => pause(nothingPaused));
    if (functions.isDatabaseAway) add('the database is back', () => functions.setDatabaseAway(false));
    if (hasEnded) add('start a connector', newLife);
    return actions;
  };

  const pause = (next: typeof paused): void => {
    paused = next;
    note(`paused: ${next.isFunctionPaused ? 'the function ' : ''}${[...next.keys].join(' ')}`);
    if (!hasEnded) connector.feed({ type: 'pauses_changed', ...next });
  };

  const storeLetter = (id: string): void => {
    const known = letters.get(id);
    letters.set(id, { count: (known?.count ?? 0) + 1, isStored: true });
  };

  const passTime = (): Action => ({
    name: 'time passes',
    act: () => {
      const next = Math.min(connector.nextTimeMs(), server.nextDeadlineMs(nowMs) ?? Infinity);
      advanceTo(Number.isFinite(next) ? Math.max(next, nowMs + 1) : nowMs + 1_000);
    },
  });

  /** What goes wrong. */
  const troubles = (): Action[] => {
    const actions: Action[] = [];
    const add = (name: string, act: (choice: number) => void): void => void actions.push({ name, act });
    for (const call of calls) {
      if (!call.isAwaited) continue;
      if (mayFail(call)) {
        // The request is lost, or its answer is, or it is only late: the function works on.
        add('time out', () => failWhole(call, { kind: 'timeout', reason: 'late' }));
        add('a gateway says 502', () => failWhole(call, { kind: 'gateway_error', status: 502, reason: '502' }));
        add('nonsense', () => {
          removeCall(call);
          workOn({ ...call, isAwaited: false });
          failWhole(call, { kind: 'nonsense', status: 200, reason: 'no outcomes' });
        });
      }
      if (call.outcomes === undefined) {
        add('nobody takes it', (choice) => {
          removeCall(call);
          const retryAfterMs = (choice % 3) * 500;
          failCall(call, { kind: 'unavailable', reason: 'refused', retryAfterMs });
        });
        add('overload', () => {
          removeCall(call);
          failCall(call, { kind: 'overloaded', status: 429, reason: 'too much', retryAfterMs: 0 });
        });
        const sharers = calls.filter(({ process }) => process === call.process);
        if (sharers.every(mayFail)) {
          add('die midway', (choice) => {
            // What is too large is not worked on at all, and a killer is where the work ends.
            const killer = call.entries.findIndex(({ kind }) => kind === 'killer');
            const most = killer === -1 ? call.entries.length : killer;
            const count = call.entries.length > plan.largestBatch ? 0 : choice % (most + 1);
            functions.work(call, count);
            killProcess(call.process);
          });
        }
      } else {
        const { outcomes } = call;
        const omitted = outcomes.find(({ id }) => (omissions.get(id) ?? 0) < mostOmissions);
        if (omitted !== undefined && outcomes.length > 1) {
          add('leave one out', () => {
            removeCall(call);
            omissions.set(omitted.id, (omissions.get(omitted.id) ?? 0) + 1);
            answerCall(
              call,
              outcomes.filter((outcome) => outcome !== omitted),
            );
          });
        }
        add('answer twice', () => {
          removeCall(call);
          answerCall(call, outcomes);
          answerCall(call, outcomes);
        });
      }
    }
    for (const [id] of giving) add('a dead letter is stored and nobody hears of it', () => storeLetter(id));
    if (isConnected) add('break the connection', (choice) => breakConnection(choice % 2 === 0));
    if (isConnected && !connector.isReading && connector.dispatch.view.mode === 'running') {
      add('look and fail midway', (choice) => {
        try {
          connector.begin(choice % 3);
        } catch {
          connector.disconnected();
        }
      });
    }
    if (!hasEnded) {
      add('the connector dies', (choice) => {
        note('the connector dies');
        if (choice % 2 === 0) for (const answer of toServer) hear(answer);
        toServer = [];
        newLife();
      });
      add('the connector ends', () => {
        note('the connector ends');
        connector.feed({ type: 'drain' });
        connector.feed({ type: 'abort' });
        connector.handBack();
        hasEnded = true;
      });
    }
    if (toConnector.length === 0) {
      add('the connector freezes', (choice) => {
        nowMs += ((choice % 4) + 1) * (ackWaitMs / 2);
        note(`frozen until ${nowMs}`);
      });
    }
    add('the server writes', () => {
      snapshot = server.snapshot();
    });
    add('the server is killed', (choice) => {
      note('the server is killed');
      breakConnection(false);
      server.recover(snapshot, choice % 2 === 0);
    });
    if (server.generation < 3) {
      add('the stream is made anew', () => {
        note('the stream is made anew');
        for (const { id, isRemoved } of server.entries) if (!isRemoved) deletedIds.add(id);
        server.makeAnew(plan.laterMessages);
        index();
        snapshot = server.snapshot();
        // What was on its way to or from the old stream goes nowhere.
        toConnector = [];
        toServer = [];
        connector.streamDeleted();
        connector.disconnected();
      });
    }
    if (!functions.isDatabaseAway) add('the database is away', () => functions.setDatabaseAway(true));
    add('an operator pauses', (choice) => {
      const keys = [...new Set(server.entries.map(({ key }) => key))];
      const isFunctionPaused = choice % 3 === 0;
      pause({ isFunctionPaused, keys: new Set(keys.filter((_, index) => ((choice >> index) & 1) === 1)) });
    });
    return actions;
  };

  const take = (actions: readonly Action[], choice: number): void => {
    const { name, act } = actions[choice % actions.length]!;
    trace.push(`${nowMs - 1_000_000}: ${name}`);
    act(Math.floor(choice / actions.length));
  };

  const checkRows = (): void => {
    const isCounted = ({ kind, id }: Entry): boolean => !badKinds.has(kind) && !deletedIds.has(id);
    const keys = new Set([...byId.values()].map(({ key }) => key));
    for (const key of keys) {
      const expected = [...byId.values()].filter((entry) => entry.key === key && isCounted(entry)).map(({ id }) => id);
      const rows = functions.rowsOf(key).filter((id) => !deletedIds.has(id));
      for (const id of expected) if (!rows.includes(id)) fault(`C4: ${id} is lost`);
      if (isOrderPromised && rows.join() !== expected.join()) fault(`C3: ${key} has ${rows.join()}`);
    }
    for (const { id, kind } of byId.values()) {
      if (deletedIds.has(id)) continue;
      const isLetter = letters.get(id)?.isStored === true;
      if (badKinds.has(kind) && !isLetter) fault(`C4: ${id} (${kind}) has no dead letter`);
    }
  };

  /** The same events at the same times lead to the same commands. */
  const checkRepeat = (): void => {
    const again = createDispatch({ limits, seed: plan.seed + life });
    const said = connector.events.flatMap(({ event, atMs }) => again.step(event, atMs).map(({ type }) => type));
    if (said.join() !== connector.said.join()) fault('C13: the same events led to other commands');
  };

  return {
    /** Lets one thing happen, chosen by the number. */
    step: (choice: number): void => {
      const calm = progress();
      calm.push(passTime());
      // Two of three steps bring the work forward: faults need something to hit.
      take(choice % 3 === 0 ? troubles() : calm, Math.floor(choice / 3));
    },
    /** No more faults: works on until everything is settled; then says what is wrong. */
    finish: (): readonly string[] => {
      for (let steps = 0; steps < calmSteps && !isOver() && faults.size === 0; steps += 1) {
        const actions = progress();
        take(actions.length > 0 ? actions : [passTime()], steps);
      }
      if (connector.hasLostPatience) isOrderPromised = false;
      if (!isOver() && faults.size === 0) fault('C4: not everything was settled');
      if (faults.size === 0) checkRows();
      if (plan.seed % 8 === 0 || faults.size > 0) checkRepeat();
      return [...faults];
    },
    trace: trace as readonly string[],
  };
};
