import { fileURLToPath } from 'node:url';
import type { Bench, BenchContext, BenchResult, Measurement, Ratio } from './bench.ts';
import { runContest, whenReady, type Contestant } from './contest.ts';
import type { BenchState } from './databases.ts';
import { spawnNode } from './spawn-node.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import type { Consumer } from './system.ts';

const script = fileURLToPath(new URL('by-hand-consumer.ts', import.meta.url));

const shapes = [
  { states: 1, trigram: true },
  { states: 64, trigram: true },
  { states: 1, trigram: false },
  { states: 64, trigram: false },
] as const;

type Shape = (typeof shapes)[number];

const titleOf = ({ states, trigram }: Shape): string =>
  `${states === 1 ? '1 state' : `${states} states`}, ${trigram ? 'all indexes' : 'no trigram index'}`;

/** Starts the program that somebody would write by hand. */
const startByHand =
  (context: BenchContext) =>
  (databaseUrl: string, states: readonly BenchState[]) =>
  async (natsUrl: string, stream: string): Promise<Consumer> => {
    const targets = Object.fromEntries(
      states.map(({ outputRouteId, columns }) => [outputRouteId, columns.map(({ id, name }) => ({ id, name }))]),
    );
    const env = {
      PATH: process.env['PATH'],
      DATABASE_URL: databaseUrl,
      MSG_URL: natsUrl,
      STREAM: stream,
      TARGETS: JSON.stringify(targets),
    };
    return whenReady(spawnNode(context, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] }));
  };

/** The whole way against what somebody would write who needs no ledger, no order, no retries and no traces. */
export const byHandBench: Bench = {
  name: 'by-hand',
  seconds: 90,
  run: async (context): Promise<BenchResult> => {
    const measurements: Measurement[] = [];
    const ratios: Ratio[] = [];
    for (const shape of context.short ? shapes.slice(-1) : shapes) {
      const title = titleOf(shape);
      context.note(title);
      const messages = context.short ? 200 : shape.trigram ? 2_000 : 4_000;
      const contestants: readonly Contestant[] = [
        { name: 'ours', messages },
        { name: 'by hand', messages, consumer: startByHand(context) },
      ];
      const rates = await runContest(context, { ...shape, rounds: context.short ? 1 : 5 }, contestants);
      for (const [name, values] of rates) {
        measurements.push({ name: `${title}: ${name}`, unit: 'rows/s', spread: spreadOf(values) });
      }
      ratios.push({
        name: `whole way against what is written by hand, ${title}`,
        spread: ratioSpread(rates.get('ours')!, rates.get('by hand')!),
        required: { rule: 'at least', value: 0.8 },
      });
    }
    return { measurements, ratios };
  },
};
