import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { RetryableError, TerminalError } from '../../../shared/errors/sync-error.ts';
import { createEvaluatorFactory } from '../../../shared/python/evaluate.ts';
import { ExpressionBudget } from '../../../shared/python/meter/budget.ts';
import type { EvaluatorFactory, ExpressionScope } from '../../../shared/python/scope.ts';
import { drawFrom, hostileExpression } from '../../support/hostile-expressions.ts';
import { machineSlowness } from '../../support/machine-speed.ts';

/*
 * Five thousand expressions in `npm test`; a million have run with `FUZZ_RUNS=1000000 FUZZ_SEED=1 npx vitest run --config
 * .config/vitest.config.ts test/unit/python/fuzz.test.ts`. What fails is printed with its seed.
 */
const runs = Number(process.env['FUZZ_RUNS'] ?? 5_000);
const firstSeed = Number(process.env['FUZZ_SEED'] ?? 1);

const maxMs = 50 * machineSlowness();
const maxAliveBytes = 32_000_000;
/** In a text and in a number of the data: neither may be in a reason. */
const marker = 'zqsecretqz';
const markedNumber = 8_675_309_421;

const scope: ExpressionScope = new Map<string, never>(
  Object.entries({
    secret: `${marker} ${markedNumber}`,
    query_state: {
      text: marker,
      number: markedNumber,
      list: [marker, markedNumber, { [marker]: marker }],
      big_text: `${marker} `.repeat(20_000),
      big_list: Array.from({ length: 5_000 }, (_, index) => [index, marker]),
      big: Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`${marker}${index}`, index])),
    },
  }) as unknown as [string, never][],
);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const evaluators = createEvaluatorFactory({ maxTrees: 1 });
/* Most run on a fiftieth of the steps: what is charged too little shows as well, and a million fit into an hour. */
const shortEvaluators = createEvaluatorFactory({ maxTrees: 1, limits: { maxSteps: 4_000 } });

const heapBytes = (): number => {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
};

/** Other processes and the threads of the compiler and collector do not count. */
const processorTimeMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

interface Cost {
  readonly tookMs: number;
  readonly steps: number;
  readonly madeBytes: number;
  readonly error: unknown;
}

const measure = (expression: string, factory = evaluators): Cost => {
  const budget = new ExpressionBudget();
  const before = budget.stepsLeft;
  const baseline = heapBytes();
  const startedMs = processorTimeMs();
  let error: unknown;
  try {
    factory({ nowMs: 0, seed: 'fuzz' }, budget)(expression, scope);
  } catch (caught) {
    error = caught;
  }
  const tookMs = processorTimeMs() - startedMs;
  return { tookMs, steps: before - budget.stepsLeft, madeBytes: heapBytes() - baseline, error };
};

/** The price of a step, with a quarter of the bound for a cold start and what an evaluation costs at least. */
const allowedMs = (steps: number): number => maxMs * (0.25 + 0.75 * (steps / 200_000));

/** Other work of the machine and the collector add to a measurement and nothing takes from it: the least of some counts. */
const leastOf = (expression: string, first: Cost, factory: EvaluatorFactory): Cost => {
  let least = first;
  for (let time = 0; time < 8 && isTooSlow(least); time += 1) {
    const next = measure(expression, factory);
    if (next.tookMs < least.tookMs) least = next;
  }
  return least;
};

const isTooSlow = ({ tookMs, steps }: Cost): boolean => tookMs > allowedMs(steps);

/** What an evaluation keeps alive at most, looked at wherever the meter looks at its clock. */
const aliveBytes = (expression: string): number => {
  collectGarbage();
  const baseline = heapBytes();
  let most = 0;
  const clockMs = (): number => {
    collectGarbage();
    most = Math.max(most, heapBytes() - baseline);
    return 0;
  };
  try {
    createEvaluatorFactory({ clockMs })({ nowMs: 0, seed: 'fuzz' })(expression, scope);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
  }
  return most;
};

/** Garbage that the collector takes away under way is bounded too, but not as tightly. */
const isTooLarge = (expression: string, { madeBytes }: Cost): boolean =>
  madeBytes > maxAliveBytes * 4 || (madeBytes > maxAliveBytes && aliveBytes(expression) > maxAliveBytes);

const faultOf = (expression: string, factory: EvaluatorFactory): string | undefined => {
  const cost = measure(expression, factory);
  const { error } = cost;
  if (error !== undefined) {
    if (error instanceof RetryableError) return `retry: ${error.message}`;
    if (!(error instanceof TerminalError)) return `uncoded: ${error instanceof Error ? error.message : typeof error}`;
    if (error.message.includes('of the interpreter')) return `fault: ${error.message}`;
    if (error.message.includes(marker) || error.message.includes(String(markedNumber))) return `leak: ${error.message}`;
  }
  const least = leastOf(expression, cost, factory);
  if (isTooSlow(least)) return `time: ${least.tookMs.toFixed(0)} ms, ${least.steps} steps`;
  return isTooLarge(expression, cost) ? `memory: ${(cost.madeBytes / 1e6).toFixed(0)} MB` : undefined;
};

describe('no expression costs more than its steps', () => {
  it(
    `${runs} from seed ${firstSeed}: in time, in memory, with a code and without a value`,
    { timeout: 60_000 + runs * 20 },
    () => {
      const faults: { seed: number; fault: string; expression: string }[] = [];
      for (let run = 0; run < runs && faults.length < 20; run += 1) {
        const seed = firstSeed + run;
        const expression = hostileExpression(drawFrom(seed));
        const fault = faultOf(expression, seed % 20 === 0 ? evaluators : shortEvaluators);
        if (fault !== undefined) {
          faults.push({ seed, fault, expression });
          process.stderr.write(`seed ${seed}: ${fault}: ${expression}\n`);
        }
        if (run % 50_000 === 49_999) process.stderr.write(`${run + 1} expressions, ${faults.length} faults\n`);
      }
      expect(faults).toEqual([]);
    },
  );
});
