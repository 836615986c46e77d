import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { property } from './property.ts';

const usage = `node test/simulate/run.ts [--runs 100000] [--seed N] [--workers N]

Runs simulations of the connector: each is another order of steps, any of which may fail. At the first one that breaks a promise it
prints the seed and the shortest steps that lead there, and exits 1.
`;

/** So many runs make one part: a part is repeated by its own seed. */
const partRuns = 10_000;

interface Part {
  readonly seed: number;
  readonly runs: number;
}
type Answer = { readonly runs: number } | { readonly seed: number; readonly report: string };

/** Runs the parts that it is given, one after the other. */
const work = (parts: readonly Part[]): void => {
  for (const { seed, runs } of parts) {
    const details = fc.check(property, { numRuns: runs, seed });
    const answer: Answer = details.failed ? { seed, report: reportOf(details) } : { runs: details.numRuns };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage(answer);
    if (details.failed) return;
  }
};

/** What is wrong, the shortest steps that lead there, and the numbers that stand for them. */
const reportOf = <T>(details: fc.RunDetails<T>): string => {
  const { errorInstance } = details;
  const reason = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `${reason}\n${fc.defaultReportMessage(details) ?? ''}`;
};

const say = (text: string): void => void process.stdout.write(text);

const run = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
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
  if (![total, first, workers].every(Number.isSafeInteger)) {
    say(`--runs, --seed and --workers are whole numbers\n${usage}`);
    return 2;
  }
  const parts = Array.from({ length: Math.ceil(total / partRuns) }, (_, index) => ({
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
      : `FAILED: --runs ${partRuns} --seed ${failure.seed}\n${failure.report}\n`,
  );
  return 1;
};

if (isMainThread) process.exitCode = await run();
else work(workerData as readonly Part[]);
