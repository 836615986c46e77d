import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../shared/json/parse-json.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';
import { loadEvaluators } from '../../../shared/state/evaluator.ts';
import type { StateModel } from '../../../shared/state/state-model.ts';
import type { Steps } from '../../../shared/state/steps.ts';
import { createPlanPace } from '../../../shared/function/plan-pace.ts';
import { storeDeliveries } from '../../../shared/store/store-deliveries.ts';
import type { StorePorts, StoreTarget } from '../../../shared/store/store-ports.ts';
import { delivery } from '../../support/entry-ports.ts';
import { column, parseObject, stateModel } from '../../support/model-fixtures.ts';
import { inputRoute } from '../../support/entry-ports.ts';
import { longestTurnMs, mostTurnMs } from '../../support/longest-turn.ts';
import { routeConfig } from '../../support/route-config.ts';

const monotonicMs = (): number => performance.now();

const properties = parseObject(
  '{"persistence": {"mode": "individual_rows"}, "routing": {"mode": "after_save", "dispatch": "individual"}}',
);

const portsOf = (models: ReadonlyMap<string, StateModel>): StorePorts => ({
  state: (id) => Promise.resolve(models.get(id)!),
  forwardRoutes: (id) => Promise.resolve([inputRoute(`to-${id}`, id, 'p')]),
  forgetState: () => undefined,
  append: (request) =>
    Promise.resolve({
      columns: request.columns,
      deliveries: request.deliveries.map(({ id, rowCount }) => ({
        id,
        status: 'stored',
        startIndex: 0,
        rowCount,
        forwarded: false,
      })),
    }),
  markForwarded: () => Promise.resolve(),
  readLedger: () => Promise.resolve(new Map()),
  maxPayloadBytes: () => Promise.resolve(1_048_576),
  publish: (messages) => Promise.resolve(messages.map(() => ({ ok: true, duplicate: false, sequence: 1 }))),
  evaluators: () => loadEvaluators(monotonicMs),
  routerRoute: routeConfig('processor/state/router', 'router'),
  flatten: 'lossless',
  maxExpandedBytes: 64 * 1024 * 1024,
  maxStateColumns: 1_000,
  pace: createPlanPace({ monotonicMs, maxHeldBytes: 64 * 1024 * 1024 }),
  onStored: () => undefined,
});

const targetOf = (stateId: string, id: string, queryState: string): StoreTarget => ({
  delivery: delivery(id, 'query_state_direct', { query_state: parseJson(queryState) }),
  stateId,
  scope: new Map(),
});

const list = (length: number, item: (index: number) => unknown): string =>
  JSON.stringify(Array.from({ length }, (_, index) => item(index)));

describe('the event loop turns while messages are planned', () => {
  const computed = [
    column({ id: '1', name: 'c', value: "sum([n for n in range(60)]) + query_state['n']", callable: true }),
  ];
  it.each<[string, Partial<StateModel>, () => string]>([
    ['10,000 rows with a computed column', { columns: computed }, () => list(10_000, (n) => ({ n }))],
    [
      'a list that fans out to wide rows',
      {},
      () =>
        `[{${Array.from({ length: 100 }, (_, n) => `"k${n}": "text ${n}"`).join()}, "items": ${list(8_000, (n) => ({ n }))}}]`,
    ],
    ['many large cells', {}, () => list(2_000, () => ({ a: { deep: 'x'.repeat(3_000) } }))],
    [
      'lists of containers in columns of text',
      { columns: [column({ id: '1', name: 'c', value: '[[n, str(n)] for n in range(100)]', callable: true })] },
      () => list(2_000, (n) => ({ n })),
    ],
  ])(
    '%s, in three states at a time',
    async (_name, model, queryState) => {
      const ids = ['a', 'b', 'c'];
      const text = queryState();
      const ports = portsOf(new Map(ids.map((id) => [id, stateModel({ id, properties, ...model })])));
      let outcomes: readonly Outcome[] = [];
      let leastMs = Number.POSITIVE_INFINITY;
      // A collection of garbage takes its time where it likes: the least of a few tries is what planning takes.
      for (let attempt = 0; attempt < 4 && leastMs > mostTurnMs(); attempt += 1) {
        const targets = ids.map((id) => targetOf(id, id, text));
        leastMs = Math.min(
          leastMs,
          await longestTurnMs(async () => {
            outcomes = await storeDeliveries(targets, ports);
          }),
        );
      }
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['ack', 'ack', 'ack']);
      expect(leastMs).toBeLessThan(mostTurnMs());
    },
    60_000,
  );

  it('a small message is planned within one turn', async () => {
    const { pace } = portsOf(new Map());
    let turns = 0;
    const done = new AbortController();
    const count = async (): Promise<void> => {
      for (; !done.signal.aborted; turns += 1) await nextTurn();
    };
    const counting = count();
    const share = pace.open();
    await share.run(stepsOf([1, 2, 3]));
    expect(turns).toBeLessThanOrEqual(1);
    done.abort();
    await counting;
  });
});

function* stepsOf(heldBytes: readonly number[]): Steps<string> {
  for (const bytes of heldBytes) yield bytes;
  return 'done';
}

describe('plans that hold more than the process may', () => {
  it('go on one after the other, with one over the limit at most, and none waits for ever', async () => {
    const pace = createPlanPace({ monotonicMs, maxHeldBytes: 100 });
    let planned = 0;
    let most = 0;
    const run = async (): Promise<void> => {
      const share = pace.open();
      // Each grows to 80: two of them together are over the limit.
      await share.run(stepsOf([10, 20, 40, 60, 80]));
      planned += 1;
      most = Math.max(most, planned);
      await nextTurn();
      planned -= 1;
      share.release();
    };
    await Promise.all(Array.from({ length: 20 }, run));
    expect(most).toBeLessThanOrEqual(2);
  });

  it('wait also where they have no steps', async () => {
    const pace = createPlanPace({ monotonicMs: () => 0, maxHeldBytes: 100 });
    const large = pace.open();
    expect(large.hold(150)).toBeUndefined();
    const other = pace.open();
    let isReady = false;
    const waiting = other.hold(10)?.then(() => (isReady = true));
    await nextTurn();
    expect([waiting === undefined, isReady]).toEqual([false, false]);
    large.release();
    await waiting;
    expect(pace.open().hold(10)).toBeUndefined();
  });

  it('do not hinder one that fits', async () => {
    const pace = createPlanPace({ monotonicMs, maxHeldBytes: 100 });
    const large = pace.open();
    await large.run(stepsOf([90]));
    const small = pace.open();
    await expect(small.run(stepsOf([5]))).resolves.toBe('done');
    const waiting = pace.open();
    let isReady = false;
    const other = waiting.run(stepsOf([50, 60]));
    const third = pace.open().run(stepsOf([50]));
    void third.then(() => (isReady = true));
    await other;
    await nextTurn();
    expect(isReady).toBe(false);
    waiting.release();
    large.release();
    await third;
  });
});
