import { judgeAnswer, judgeFailure, type JudgeContext } from '../../infra/connector/judge-batch.ts';
import { createLanes, type LanePart, type Lanes } from '../../infra/connector/lanes.ts';
import type { HeldMessage } from '../../infra/connector/held-message.ts';
import { RetryableError } from '../../shared/errors/sync-error.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import { storeDeliveries, type StoreTarget } from '../../shared/store/store-deliveries.ts';
import { createModelPorts } from './delivery-model-ports.ts';
import { createModelStore, type ModelMutation } from './delivery-model-store.ts';
import { heldMessage } from './held-message.ts';
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
  readonly parts: readonly LanePart[];
  readonly connector: number;
  /** Whether its process still runs. */
  alive: boolean;
  /** Whether the connector still waits for it. */
  awaited: boolean;
}

const stateIds = ['a', 'b'] as const;
const context: JudgeContext = {
  limits: { maxAttempts: 1_000_000, killsBeforeDeadLetter: 1_000_000 },
  answers: 0,
  maxDeliver: () => undefined,
};
const limits = { maxMessages: 3, maxBytes: 1_000_000, lingerMs: 0, freeSlots: 2 };

const settleMicrotasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * One connector, several function processes, a ledger and a broker, in memory: the connector's own lanes and verdicts and
 * the function's own plan-append-forward, while somebody else decides which step is next and which fails.
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
  let lanes: Lanes = createLanes();
  let nowMs = 1_000_000;
  const held = new Map<number, HeldMessage>();
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

  const targetOf = ({ id, sequence }: HeldMessage): StoreTarget => {
    const entry = stream[sequence - 1]!;
    const queryState = Array.from({ length: entry.rows }, (_, row) => ({ message: entry.id, row: String(row) }));
    const message = parseObject(JSON.stringify({ type: 'query_state_direct', query_state: queryState }));
    const delivery = {
      id,
      subject: '',
      timestampMs: sequence,
      attempt: 1,
      traceContext: {},
      type: 'query_state_direct' as const,
      message,
    };
    return { delivery, stateId: stateIds[entry.state]!, scope: new Map() };
  };

  const ack = (message: HeldMessage, isHeard: boolean): void => {
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
    const verdicts =
      outcomes === 'died'
        ? judgeFailure(call.parts, { kind: 'died', reason: 'died' }, context, {
            isFunctionAlive: false,
            isOther: true,
            killsNeeded: context.limits.killsBeforeDeadLetter,
          })
        : judgeAnswer(call.parts, new Map(outcomes.map((outcome) => [outcome.id, outcome])), context);
    for (const message of verdicts.acked) {
      message.done = true;
      ack(message, isHeard);
    }
    lanes.complete(call.parts, nowMs);
  };

  const results = new Map<Call, readonly Outcome[]>();
  const start = (parts: readonly LanePart[]): void => {
    const call: Call = { parts, connector, alive: true, awaited: true };
    calls.add(call);
    const own = parts.flatMap((part) => part.messages);
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
    const message = heldMessage(entry.sequence, { id: entry.id });
    held.set(entry.sequence, message);
    lanes.add(key, message, nowMs);
    if (again && blocked.delete(entry.sequence)) lanes.unblock(key, entry.sequence, nowMs);
  };

  /** A new connector, or the same after a lost connection: what is unsettled and not held goes first. */
  const takeOver = (): void => {
    if (mutation === 'no-takeover') return;
    for (const entry of stream) {
      if (!entry.delivered || entry.settled || held.has(entry.sequence) || blocked.has(entry.sequence)) continue;
      blocked.set(entry.sequence, stateIds[entry.state]!);
      lanes.block(stateIds[entry.state]!, entry.sequence);
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
      lanes.wake(nowMs);
      const taken = lanes.take({ ...limits, freeSlots: Math.max(1, limits.freeSlots - calls.size) }, nowMs);
      if (taken !== undefined && 'parts' in taken) start(taken.parts);
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
      lanes = createLanes();
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
