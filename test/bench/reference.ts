import { hasReferenceStorage, referencePython, skipReason } from '../support/reference-process.ts';
import type { Bench, BenchContext, BenchResult, Measurement, Ratio } from './bench.ts';
import { runContest, whenReady, type Contestant } from './contest.ts';
import { referenceConsumer } from './reference-consumer.ts';
import { spawnProgram } from './spawn-node.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import type { Consumer } from './system.ts';

const shapes = [
  { title: 'all indexes', trigram: true, least: 15 },
  { title: 'no trigram index', trigram: false, least: 40 },
] as const;

/** Starts the reference's consumer with so many messages a fetch. */
const startReference =
  (context: BenchContext, batchSize: number) =>
  (databaseUrl: string) =>
  async (natsUrl: string, stream: string): Promise<Consumer> => {
    const env = {
      PATH: process.env['PATH'],
      DATABASE_URL: databaseUrl,
      MSG_URL: natsUrl,
      STREAM: stream,
      BATCH_SIZE: String(batchSize),
    };
    const args = ['-u', '-c', referenceConsumer];
    return whenReady(spawnProgram(context, referencePython, args, { env, stdio: ['ignore', 'pipe', 'inherit'] }));
  };

const runReference = async (context: BenchContext): Promise<BenchResult> => {
  const measurements: Measurement[] = [];
  const ratios: Ratio[] = [];
  const contestants: readonly Contestant[] = [
    { name: 'ours', messages: context.short ? 100 : 3_000 },
    // What its routing file says where nobody says anything.
    {
      name: 'the reference, 1 message a fetch',
      messages: context.short ? 10 : 300,
      consumer: startReference(context, 1),
    },
    // What ours is given in this bench.
    {
      name: 'the reference, 500 messages a fetch',
      messages: context.short ? 10 : 1_000,
      consumer: startReference(context, 500),
    },
  ];
  for (const { title, trigram, least } of shapes) {
    context.note(title);
    const rates = await runContest(context, { states: 1, trigram, rounds: context.short ? 1 : 5 }, contestants);
    for (const [name, values] of rates) {
      measurements.push({ name: `${title}: ${name}`, unit: 'rows/s', spread: spreadOf(values) });
    }
    for (const [index, { name }] of contestants.slice(1).entries()) {
      ratios.push({
        name: `whole way against ${name}, ${title}`,
        spread: ratioSpread(rates.get('ours')!, rates.get(name)!),
        ...(index === 0 ? { required: { rule: 'at least' as const, value: least } } : {}),
      });
    }
  }
  return { measurements, ratios };
};

/** The whole way against the existing Python service's own packages, where they are installed. */
export const referenceBench: Bench = {
  name: 'reference',
  seconds: 120,
  missing: () => (hasReferenceStorage() ? undefined : skipReason),
  run: runReference,
};
