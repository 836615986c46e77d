import { appendRate, ourAppend } from './append-candidates.ts';
import type { Bench, BenchContext, BenchResult, Measurement, Ratio } from './bench.ts';
import { createBenchState, createBenchStates, createDatabase } from './databases.ts';
import { rowMessages } from './messages.ts';
import { processorSeconds } from './processor-time.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { drainBacklog, startSystem } from './system.ts';
import { naturalRows } from './words.ts';

const batchRows = 100;
interface Rates {
  readonly append: number[];
  readonly many: number[];
  readonly one: number[];
  readonly functionOne: number[];
  readonly functionMany: number[];
  readonly connectorOne: number[];
  readonly connectorMany: number[];
}

const measure = async (context: BenchContext, trigram: boolean, title: string): Promise<Rates> => {
  const rounds = context.short ? 1 : 5;
  const messages = context.short ? 300 : 4_000;
  const appendCalls = context.short ? 2 : trigram ? 10 : 30;
  const rows = naturalRows(context.short ? 200 : 5_000, 8, 15);
  const database = await createDatabase(context, { trigram });
  const rates: Rates = {
    append: [],
    many: [],
    one: [],
    functionOne: [],
    functionMany: [],
    connectorOne: [],
    connectorMany: [],
  };
  try {
    const states = await createBenchStates(database.pool, context.short ? 20 : 1_000);
    const single = [await createBenchState(database.pool)];
    const appendState = await createBenchState(database.pool);
    const candidate = await ourAppend(database, false);
    const system = await startSystem(context, { databaseUrl: database.url });
    try {
      const drain = async (targets: typeof states) => {
        const pids = [system.functions[0]!, system.connector.pid] as const;
        const payloads = rowMessages(targets, rows, messages);
        const before = pids.map(processorSeconds);
        const seconds = await drainBacklog(system, payloads);
        const [functionUs, connectorUs] = pids.map(
          (pid, at) => ((processorSeconds(pid) - before[at]!) * 1e6) / messages,
        );
        return { rate: messages / seconds, functionUs: functionUs!, connectorUs: connectorUs! };
      };
      // The first rounds warm up: metadata of all states, plans, and the processes' own code.
      for (let round = -2; round < rounds; round += 1) {
        const append = await appendRate(candidate, appendState, rows, { calls: appendCalls, batchRows });
        const many = await drain(states);
        const one = await drain(single);
        if (round < 0) continue;
        rates.append.push(append);
        rates.many.push(many.rate);
        rates.one.push(one.rate);
        rates.functionMany.push(many.functionUs);
        rates.functionOne.push(one.functionUs);
        rates.connectorMany.push(many.connectorUs);
        rates.connectorOne.push(one.connectorUs);
        context.note(`${title}, round ${round + 1} of ${rounds}`);
      }
    } finally {
      await system.close();
    }
  } finally {
    await database.drop();
  }
  return rates;
};

const runManyStates = async (context: BenchContext): Promise<BenchResult> => {
  const measurements: Measurement[] = [];
  const ratios: Ratio[] = [];
  for (const { trigram, title, least, leastOne } of [
    { trigram: false, title: 'no trigram index', least: 0.45, leastOne: 0.85 },
    { trigram: true, title: 'all indexes', least: 0.8, leastOne: undefined },
  ]) {
    const rates = await measure(context, trigram, title);
    const line = (name: string, unit: Measurement['unit'], values: readonly number[]): void =>
      void measurements.push({ name: `${name}, ${title}`, unit, spread: spreadOf(values) });
    line(`append of ${batchRows} rows`, 'rows/s', rates.append);
    line('whole way, 1,000 states', 'rows/s', rates.many);
    line('whole way, one state', 'rows/s', rates.one);
    line('CPU of the function per message, 1,000 states', 'us', rates.functionMany);
    line('CPU of the function per message, one state', 'us', rates.functionOne);
    line('CPU of the connector per message, 1,000 states', 'us', rates.connectorMany);
    line('CPU of the connector per message, one state', 'us', rates.connectorOne);
    ratios.push(
      {
        name: `whole way, 1,000 states, against the append of ${batchRows} rows, ${title}`,
        spread: ratioSpread(rates.many, rates.append),
        required: { rule: 'at least', value: least },
      },
      {
        name: `whole way, one state, against the append of ${batchRows} rows, ${title}`,
        spread: ratioSpread(rates.one, rates.append),
        ...(leastOne === undefined ? {} : { required: { rule: 'at least' as const, value: leastOne } }),
      },
      {
        name: `CPU of the function, 1,000 states against one, ${title}`,
        spread: ratioSpread(rates.functionMany, rates.functionOne),
        ...(trigram ? {} : { required: { rule: 'at most' as const, value: 1.3 } }),
      },
    );
  }
  return { measurements, ratios };
};

/** Messages of one row, each for another one of many states, against the append's own rate and against one state. */
export const manyStatesBench: Bench = { name: 'many-states', seconds: 120, run: runManyStates };
