import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { property } from './property.ts';
import { togetherProperty } from './together-property.ts';

const usage = `node test/simulate/run.ts [--model alone|together] [--runs 100000] [--seed N] [--workers N]

Runs simulations of one connector after the other (alone), or of several that take turns (together): each is another order of steps, any of
which may fail. At the first one that breaks a promise it prints the seed and the shortest steps that lead there, and exits 1.
`;

const properties = { alone: property, together: togetherProperty } as const;
type ModelName = keyof typeof properties;

/** So many runs make one part: a part is repeated by its own seed. */
const partRuns = 10_000;

interface Part {
  readonly model: ModelName;
  readonly seed: number;
  readonly runs: number;
}
type Answer = { readonly runs: number } | { readonly seed: number; readonly report: string };

/** Runs the parts that it is given, one after the other. */
const work = (parts: readonly Part[]): void => {
  for (const { model, seed, runs } of parts) {
    const report = check(model, { numRuns: runs, seed });
    const answer: Answer = report === undefined ? { runs } : { seed, report };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage(answer);
    if (report !== undefined) return;
  }
};

/** Undefined if every promise held. */
const check = (
  model: ModelName,
  parameters: { readonly numRuns: number; readonly seed: number },
): string | undefined =>
  model === 'alone'
    ? reportOf(fc.check(properties.alone, parameters))
    : reportOf(fc.check(properties.together, parameters));

/** What is wrong, the shortest steps that lead there, and the numbers that stand for them. */
const reportOf = <T>(details: fc.RunDetails<T>): string | undefined => {
  if (!details.failed) return undefined;
  const { errorInstance } = details;
  const reason = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `${reason}\n${fc.defaultReportMessage(details) ?? ''}`;
};

const isModel = (name: string): name is ModelName => Object.hasOwn(properties, name);

const say = (text: string): void => void process.stdout.write(text);

const run = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: 'alone' },
      runs: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(usage);
    return 0;
  }
  const total = Number(values.runs);
  const first = values.seed === undefined ? Date.now() % 0x7fff_ffff : Number(values.seed);
  const workers = Math.max(1, Number(values.workers ?? availableParallelism()));
  const { model } = values;
  if (![total, first, workers].every(Number.isSafeInteger) || !isModel(model)) {
    say(`--runs, --seed and --workers are whole numbers\n${usage}`);
    return 2;
  }
  const parts = Array.from({ length: Math.ceil(total / partRuns) }, (_, index) => ({
    model,
    seed: first + index,
    runs: Math.min(partRuns, total - index * partRuns),
  }));
  say(`${total} runs from seed ${first} on, ${workers} workers\n`);
  const startedMs = performance.now();
  let done = 0;
  let failure: { readonly seed: number; readonly report: string } | undefined;
  const running = Array.from({ length: workers }, async (_, index) => {
    const own = parts.filter((_part, number) => number % workers === index);
    if (own.length === 0) return;
    const worker = new Worker(new URL(import.meta.url), { workerData: own });
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (answer: Answer) => {
        if ('report' in answer) failure ??= answer;
        else {
          done += answer.runs;
          const seconds = (performance.now() - startedMs) / 1_000;
          say(`  ${done} of ${total} runs, ${Math.round(done / seconds)}/s\n`);
        }
        if (failure !== undefined) void worker.terminate();
      });
      worker.once('error', reject);
      worker.once('exit', () => resolve());
    });
  });
  await Promise.all(running);
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  if (failure === undefined && done === total) {
    say(`every promise held in ${done} runs (seed ${first}, ${seconds} s)\n`);
    return 0;
  }
  say(
    failure === undefined
      ? 'a worker ended early\n'
      : `FAILED: --model ${model} --runs ${partRuns} --seed ${failure.seed}\n${failure.report}\n`,
  );
  return 1;
};

if (isMainThread) process.exitCode = await run();
else work(workerData as readonly Part[]);
