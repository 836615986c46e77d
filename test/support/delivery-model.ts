import { createDispatch, type Dispatch } from '../../infra/connector/dispatch/core.ts';
import type { DispatchCommand, DispatchEvent, PostedMessage } from '../../infra/connector/dispatch/protocol.ts';
import type { ReceivedMessage } from '../../infra/connector/intake/received-message.ts';
import { RetryableError } from '../../shared/errors/sync-error.ts';
import { contentHash } from '../../shared/message/content-hash.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import { defaultLimits } from '../../shared/routing/default-triggers.ts';
import { storeDeliveries } from '../../shared/store/store-deliveries.ts';
import type { StoreTarget } from '../../shared/store/store-ports.ts';
import { createModelPorts } from './delivery-model-ports.ts';
import { createModelStore, type ModelMutation } from './delivery-model-store.ts';
import { receivedMessage } from './received-message.ts';
import { parseObject } from './model-fixtures.ts';

export interface ModelMessage {
  readonly state: number;
  readonly rows: number;
}

/** A message in the stream. */
interface Entry extends ModelMessage {
  readonly sequence: number;
  readonly id: string;
  delivered: boolean;
  settled: boolean;
}

/** A step that something waits for: it goes on as `ok`, or it fails, before or after its effect. */
interface Gate {
  readonly call: Call;
  readonly open: (how: 'ok' | 'fail-before' | 'fail-after') => void;
}

interface Call {
  readonly requestId: number;
  readonly connector: number;
  /** Whether its process still runs. */
  alive: boolean;
  /** Whether the connector still waits for it. */
  awaited: boolean;
}

const stateIds = ['a', 'b'] as const;
const limits = {
  ...defaultLimits,
  maxBatchMessages: 3,
  maxConcurrentRequests: 2,
  lingerMs: 0,
  maxAttempts: 1_000_000,
  killsBeforeDeadLetter: 1_000_000,
};
const startDispatch = (seed: number): Dispatch => createDispatch({ limits, seed });

const settleMicrotasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * One connector, several function processes, a ledger and a broker, in memory. The connector's dispatch and the
 * function's plan-append-forward are the real ones. Somebody else decides which step is next and which fails.
 */
export const createDeliveryModel = (messages: readonly ModelMessage[], mutation?: ModelMutation) => {
  const stream: Entry[] = messages.map((message, index) => ({
    ...message,
    sequence: index + 1,
    id: `m${index + 1}`,
    delivered: false,
    settled: false,
  }));
  const store = createModelStore(stateIds, mutation);
  const faults: string[] = [];
  const gates: Gate[] = [];
  const calls = new Set<Call>();
  let connector = 1;
  let dispatch = startDispatch(connector);
  let nowMs = 1_000_000;
  const held = new Map<number, ReceivedMessage>();
  const blocked = new Map<number, string>();

  /** Waits for its turn; a process that died meanwhile never goes on. */
  const turn = (call: Call): Promise<'ok' | 'fail-before' | 'fail-after'> =>
    new Promise((resolve) => gates.push({ call, open: resolve }));

  const gated = async <T>(call: Call, effect: () => T): Promise<T> => {
    const how = await turn(call);
    if (how === 'fail-before') throw new RetryableError('database_unavailable', 'it did not arrive');
    const result = effect();
    if (how === 'fail-after') throw new RetryableError('database_unavailable', 'its answer was lost');
    return result;
  };

  const targetOf = ({ id, sequence }: ReceivedMessage): StoreTarget => {
    const entry = stream[sequence - 1]!;
    const queryState = Array.from({ length: entry.rows }, (_, row) => ({ message: entry.id, row: String(row) }));
    const message = parseObject(JSON.stringify({ type: 'query_state_direct', query_state: queryState }));
    const delivery = {
      id,
      subject: '',
      timestampMs: sequence,
      attempt: 1,
      traceContext: {},
      contentHash: contentHash(Buffer.from(entry.id)),
      type: 'query_state_direct' as const,
      message,
    };
    return { delivery, stateId: stateIds[entry.state]!, scope: new Map() };
  };

  const ack = (message: ReceivedMessage, isHeard: boolean): void => {
    const entry = stream[message.sequence - 1]!;
    if (!store.isKnown(message.id)) faults.push(`I7: ${message.id} was acknowledged and is not stored`);
    const sent = store.forwardsOf(message.id);
    if (sent < entry.rows) faults.push(`I4: ${message.id} was acknowledged with ${sent} of ${entry.rows} forwards`);
    held.delete(message.sequence);
    if (isHeard) entry.settled = true;
  };

  /** The connector hears of a call's end; `lost`: the answer did not come. */
  const finish = (call: Call, outcomes: readonly Outcome[] | 'died', isHeard = true): void => {
    if (!call.awaited) return;
    call.awaited = false;
    calls.delete(call);
    const { requestId } = call;
    feed(
      outcomes === 'died'
        ? { type: 'batch_failed', requestId, failure: { kind: 'died', reason: 'died' } }
        : { type: 'batch_answered', requestId, status: 200, outcomes: new Map(outcomes.map((one) => [one.id, one])) },
      isHeard,
    );
  };

  /** Gives the core an event and does what it says. */
  const feed = (event: DispatchEvent, isHeard = true): void => {
    for (const command of dispatch.step(event, nowMs)) obey(command, isHeard);
  };

  const obey = (command: DispatchCommand, isHeard: boolean): void => {
    if (command.type === 'post_batch') start(command.requestId, command.messages);
    else if (command.type === 'ack') for (const message of command.messages) ack(message, isHeard);
    else if (command.type === 'reject') faults.push(`I1: ${command.message.id} was rejected`);
    else if (command.type === 'check_health') {
      feed({ type: 'health_answered', requestId: command.requestId, isAlive: false });
    }
  };

  const results = new Map<Call, readonly Outcome[]>();
  const start = (requestId: number, messages: readonly PostedMessage[]): void => {
    const call: Call = { requestId, connector, alive: true, awaited: true };
    calls.add(call);
    const own = messages.map(({ message }) => message);
    const work = storeDeliveries(
      own.map(targetOf),
      createModelPorts(store, (effect) => gated(call, effect)),
    );
    if (mutation === 'ack-before-commit')
      results.set(
        call,
        own.map(({ id }) => ({ id, outcome: 'ack' })),
      );
    void work.then((outcomes) => {
      if (call.alive) results.set(call, outcomes);
    });
  };

  const deliver = (entry: Entry): void => {
    const again = entry.delivered;
    entry.delivered = true;
    const key = stateIds[entry.state]!;
    const message = receivedMessage(entry.sequence, { id: entry.id, receivedMs: nowMs });
    held.set(entry.sequence, message);
    feed({ type: 'message_received', key, message, maxDeliver: undefined });
    if (again && blocked.delete(entry.sequence)) feed({ type: 'key_unblocked', key, sequence: entry.sequence });
  };

  /** A new connector, or the same after a lost connection: what is unsettled and not held goes first. */
  const takeOver = (): void => {
    if (mutation === 'no-takeover') return;
    for (const entry of stream) {
      if (!entry.delivered || entry.settled || held.has(entry.sequence) || blocked.has(entry.sequence)) continue;
      blocked.set(entry.sequence, stateIds[entry.state]!);
      feed({ type: 'key_blocked', key: stateIds[entry.state]!, sequence: entry.sequence });
    }
  };

  const nextNew = (): Entry | undefined => stream.find(({ delivered }) => !delivered);
  const lost = (): Entry[] => stream.filter((entry) => entry.delivered && !entry.settled && !held.has(entry.sequence));
  const liveGates = (): Gate[] => gates.filter(({ call }) => call.alive);
  const openGate = (gate: Gate, how: Parameters<Gate['open']>[0]): void => {
    gates.splice(gates.indexOf(gate), 1);
    gate.open(how);
  };

  /** What can happen now; `isCalm`: only what brings the work forward. */
  const actions = (isCalm: boolean): (() => void)[] => {
    const possible: (() => void)[] = [];
    const fresh = nextNew();
    if (fresh) possible.push(() => deliver(fresh));
    for (const entry of lost()) possible.push(() => deliver(entry));
    possible.push(() => {
      nowMs += 60_000;
      feed({ type: 'looked' });
      feed({ type: 'timer' });
    });
    for (const gate of liveGates()) possible.push(() => openGate(gate, 'ok'));
    for (const [call, outcomes] of results) {
      possible.push(() => {
        results.delete(call);
        finish(call, outcomes);
      });
    }
    if (isCalm) return possible;
    for (const gate of liveGates()) {
      possible.push(() => openGate(gate, 'fail-before'));
      possible.push(() => openGate(gate, 'fail-after'));
    }
    for (const [call, outcomes] of results) {
      // The answer is lost, or the ack that follows it.
      possible.push(() => {
        results.delete(call);
        finish(call, 'died');
      });
      possible.push(() => {
        results.delete(call);
        finish(call, outcomes, false);
        takeOver();
      });
    }
    for (const call of calls) {
      // The process dies; or it is only slow, and the connector waits no longer.
      possible.push(() => {
        call.alive = false;
        finish(call, 'died');
      });
      possible.push(() => finish(call, 'died'));
    }
    possible.push(() => {
      // The connector dies: its calls go on without it.
      for (const call of calls) call.awaited = false;
      calls.clear();
      connector += 1;
      dispatch = startDispatch(connector);
      held.clear();
      blocked.clear();
      takeOver();
    });
    if (fresh) {
      possible.push(() => {
        // The connection breaks with a message on its way.
        fresh.delivered = true;
        takeOver();
      });
    }
    return possible;
  };

  const isOver = (): boolean => stream.every(({ settled }) => settled) && liveGates().length === 0;

  const check = (): readonly string[] => {
    const found = [...faults, ...store.faults];
    if (!isOver()) found.push('I1: not everything was settled');
    for (const [state, stateId] of stateIds.entries()) {
      const expected = stream
        .filter((entry) => entry.state === state)
        .flatMap((entry) => Array.from({ length: entry.rows }, (_, row) => `${entry.id}.${row}`));
      const stored = store.rowsOf(stateId);
      if (stored.length < expected.length) found.push(`I1: ${stateId} lacks rows`);
      if (new Set(stored).size < stored.length) found.push(`I2: ${stateId} has rows twice`);
      if (stored.join() !== expected.join()) found.push(`I5: ${stateId} has ${stored.join()}, not ${expected.join()}`);
    }
    const total = stream.reduce((sum, entry) => sum + entry.rows, 0);
    if (store.forwardCount !== total) found.push(`I4: ${store.forwardCount} forwards of ${total}`);
    return found;
  };

  return {
    /** Lets one thing happen, chosen by the number. */
    step: async (choice: number): Promise<void> => {
      const possible = actions(false);
      possible[choice % possible.length]!();
      await settleMicrotasks();
    },
    /** No more faults: works on until everything is settled, and says what is wrong then. */
    finish: async (): Promise<readonly string[]> => {
      for (let steps = 0; steps < 2_000 && !isOver(); steps += 1) {
        const possible = actions(true);
        possible[steps % possible.length]!();
        await settleMicrotasks();
      }
      return check();
    },
  };
};
