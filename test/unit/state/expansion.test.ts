import { assert, array, constantFrom, double, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import { JsonFloat, type JsonValue } from '../../../shared/json/json-value.ts';
import { loadEvaluators, type EvaluatorFactory } from '../../../shared/state/evaluator.ts';
import { cellText } from '../../../shared/state/cell-text.ts';
import { valueBytes } from '../../../shared/state/expansion.ts';
import { planAppend as planAppendSteps } from '../../../shared/state/plan-append.ts';
import type { StateModel } from '../../../shared/state/state-model.ts';
import { runAtOnce } from '../../../shared/state/steps.ts';
import { planForwards } from '../../support/at-once.ts';
import { column, keyDefinition, parseObject, stateModel } from '../../support/model-fixtures.ts';
import { routeConfig } from '../../support/route-config.ts';

const evaluators = await loadEvaluators(() => performance.now());

const limitBytes = 1_000_000;
const heapBytes = (): number => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const planOf = (model: StateModel, queryState: JsonValue, factory: EvaluatorFactory = evaluators) => {
  const beforeBytes = heapBytes();
  let mostBytes = 0;
  const steps = planAppendSteps(
    model,
    [
      { id: 'bad', queryState, scope: new Map(), timestampMs: 0 },
      {
        id: 'good',
        queryState: [{ a: 1, doc: 'd', t: 't', t1: 't', t2: 't', t3: 't', t4: 't' }],
        scope: new Map(),
        timestampMs: 0,
      },
    ],
    { flatten: 'lossless', evaluators: factory, maxExpandedBytes: limitBytes },
  );
  for (;;) {
    const step = steps.next();
    mostBytes = Math.max(mostBytes, heapBytes() - beforeBytes);
    if (step.done === true) return { plan: step.value, mostBytes };
  }
};

const long = (bytes: number): string => 'x'.repeat(bytes);
const fanOut = parseObject('{"persistence": {"mode": "individual_rows"}}');
const nested = (depth: number, key: string, leaf: JsonValue): JsonValue =>
  depth === 0 ? leaf : { [key]: nested(depth - 1, key, leaf) };

describe('a small message that becomes a large one is refused, and costs its neighbour nothing', () => {
  it.each<[string, Partial<StateModel>, JsonValue]>([
    [
      'a long text beside a long list',
      { properties: fanOut },
      [{ doc: long(20_000), items: Array.from({ length: 2_000 }, () => 0) }],
    ],
    [
      'many texts beside a list of objects',
      { properties: fanOut },
      [
        {
          ...Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`t${n}`, long(100)])),
          items: Array.from({ length: 500 }, (_, n) => ({ n })),
        },
      ],
    ],
    [
      'a list in a list',
      { properties: fanOut },
      [{ doc: long(5_000), a: Array.from({ length: 20 }, () => Array.from({ length: 100 }, () => 1)) }],
    ],
    [
      'a value that a template names many times',
      { templateColumns: [keyDefinition({ name: 't' })] },
      [{ doc: long(20_000), t: '{doc}'.repeat(2_000) }],
    ],
    [
      'templates of templates',
      { templateColumns: ['t1', 't2', 't3', 't4'].map((name) => keyDefinition({ name })) },
      [{ t0: long(100), ...Object.fromEntries([1, 2, 3, 4].map((n) => [`t${n}`, `{t${n - 1}}`.repeat(50)])) }],
    ],
    [
      'a container that a template names many times',
      { templateColumns: [keyDefinition({ name: 't' })] },
      [{ doc: Array.from({ length: 5_000 }, (_, n) => n), t: '{doc}'.repeat(500) }],
    ],
    [
      'a constant on every row',
      { columns: [column({ name: 'c', value: long(10_000) })] },
      Array.from({ length: 1_000 }, (_, n) => ({ n })),
    ],
    [
      'an expression that multiplies',
      { columns: [column({ name: 'c', value: "'x' * 100000", callable: true })] },
      Array.from({ length: 100 }, (_, n) => ({ n })),
    ],
    [
      'an expression that makes a list',
      { columns: [column({ name: 'c', value: '[1000000] * 10000', callable: true, dataType: 'json' })] },
      Array.from({ length: 100 }, (_, n) => ({ n })),
    ],
    [
      'a long primary key on every row',
      { properties: fanOut, primaryKey: [keyDefinition({ name: 'doc' })] },
      [{ doc: long(1_000), items: Array.from({ length: 1_000 }, () => 0) }],
    ],
    [
      'numbers that are long without an exponent',
      {},
      Array.from({ length: 2_000 }, () => ({ a: [1e308], b: 1e-300, c: 1e300 })),
    ],
    [
      'long names inside of each other',
      { properties: fanOut },
      [nested(200, long(200), Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`k${n}`, n])))],
    ],
    ['text of three bytes a character', {}, [{ a: '\u20ac'.repeat(400_000) }]],
  ])('%s', (_name, model, queryState) => {
    const { plan, mostBytes } = planOf(stateModel(model), queryState);
    expect(plan.rejections).toMatchObject([{ id: 'bad', error: { code: 'expansion_too_large' } }]);
    expect(plan.deliveries.map(({ id }) => id)).toEqual(['good']);
    expect(mostBytes).toBeLessThan(40 * limitBytes);
  });

  it('a message just below the limit is planned', () => {
    const { plan } = planOf(stateModel({ properties: fanOut }), [
      { doc: long(9_000), items: Array.from({ length: 100 }, () => 0) },
    ]);
    expect(plan.deliveries.map(({ id, rows }) => [id, rows.length])).toEqual([
      ['bad', 100],
      ['good', 1],
    ]);
  });

  it('rows and cells are counted over all entries of a message', () => {
    const entry = { items: Array.from({ length: 6_000 }, () => 0) };
    expect(planOf(stateModel({ properties: fanOut }), [entry, entry]).plan.rejections).toMatchObject([
      { id: 'bad', error: { code: 'too_many_rows' } },
    ]);
  });

  it('what is counted is never much less than what a cell takes', () => {
    const scalar = constantFrom<JsonValue>(
      null,
      true,
      1,
      12_345_678_901_234_567_890n,
      new JsonFloat(1e22),
      'é"\\',
      '😀',
    );
    assert(
      property(array(scalar), string({ unit: 'binary' }), double(), (list, text, number) => {
        for (const value of [...list, text, number, [list], { [text]: list, number }]) {
          for (const json of [false, true]) {
            let cell: string | null;
            try {
              cell = cellText(value, json);
            } catch (error) {
              if (error instanceof TerminalError) continue;
              throw error;
            }
            expect(2 * valueBytes(value) + 32).toBeGreaterThanOrEqual(Buffer.byteLength(cell ?? ''));
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('columns that data makes', () => {
  const wide = (count: number): JsonValue => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
  const codes = (model: Partial<StateModel>, states: readonly JsonValue[], maxStateColumns?: number) => {
    const plan = runAtOnce(
      planAppendSteps(
        stateModel(model),
        states.map((queryState, index) => ({ id: `d${index}`, queryState, scope: new Map(), timestampMs: 0 })),
        { flatten: 'lossless', evaluators, ...(maxStateColumns === undefined ? {} : { maxStateColumns }) },
      ),
    );
    return plan.rejections.map(({ id, error }) => [id, (error as TerminalError).code, (error as Error).message]);
  };

  it('are 1,000 for a state by default, and the first one too many is named', () => {
    expect(codes({}, [wide(1_000)])).toEqual([]);
    expect(codes({}, [wide(1_001)])).toMatchObject([
      ['d0', 'too_many_columns', expect.stringContaining('the first is "k0"')],
    ]);
  });

  it('count together with those that the state has, and cost the message only that needs them', () => {
    const columns = [column({ id: '1', name: 'k0' }), column({ id: '2', name: 'k1' })];
    expect(codes({ columns }, [wide(3), wide(4), { k1: 1 }, { z: 1 }], 3)).toMatchObject([
      [
        'd1',
        'too_many_columns',
        expect.stringContaining('has 3 columns and may get 0 more; the message needs 1, the first is "k3"'),
      ],
      ['d3', 'too_many_columns', expect.stringContaining('the first is "z"')],
    ]);
  });

  it('are not missed in a state that somebody gave more', () => {
    const columns = Array.from({ length: 10 }, (_, n) => column({ id: String(n), name: `k${n}` }));
    expect(codes({ columns }, [wide(10)], 3)).toEqual([]);
  });
});

describe('forwards', () => {
  const input = {
    delivery: { id: 'D', message: { context: { pad: long(100_000) } } },
    rows: Array.from({ length: 1_000 }, (_, n) => new Map([['n', n]])),
    forwardRoutes: [{ id: 'F' }],
    routerRoute: routeConfig('processor/state/router', 'r'),
    maxPayloadBytes: 1_048_576,
    maxExpandedBytes: limitBytes,
  };

  it('that repeat what they carry with every row are refused', () => {
    expect(() => planForwards({ ...input, dispatch: 'individual' })).toThrow(
      expect.objectContaining({ code: 'expansion_too_large' }),
    );
    expect(planForwards({ ...input, dispatch: 'batch' })).toHaveLength(1);
  });
});

describe('an error that nobody has foreseen', () => {
  it('is the outcome of the delivery whose plan it ends, and of no other', () => {
    const model = stateModel({ columns: [column({ name: 'c', value: 'c', callable: true })] });
    let calls = 0;
    const plan = runAtOnce(
      planAppendSteps(
        model,
        ['a', 'b', 'c'].map((id) => ({ id, queryState: [{ id }], scope: new Map(), timestampMs: 0 })),
        {
          flatten: 'lossless',
          evaluators: () => () => {
            calls += 1;
            if (calls === 2) throw new RangeError('Invalid string length');
            return 1;
          },
        },
      ),
    );
    expect(plan.deliveries.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(plan.rejections).toEqual([{ id: 'b', error: new RangeError('Invalid string length') }]);
  });
});
