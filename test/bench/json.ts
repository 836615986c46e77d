import { measureJson } from '../../shared/json/measure-json.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { columnNames } from './databases.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { naturalRows } from './words.ts';

/** Results are used, so that no engine may leave the work out. */
let used = 0;

/** As it comes out of a decoder: one flat string. */
const decoded = (text: string): string => new TextDecoder().decode(new TextEncoder().encode(text));

const rowsOf = (count: number, number: (row: number) => string): string => {
  const rows = naturalRows(count, 8, 11).map((row, index) => {
    const members = columnNames.map((name, column) => `${JSON.stringify(name)}: ${JSON.stringify(row[column])}`);
    return `{${members.join(', ')}, "score": ${number(index)}, "position": ${index}, "checked": true}`;
  });
  return decoded(`{"type": "query_state_route", "route_id": "a:b", "query_state": [${rows.join(', ')}]}`);
};

const shapes = [
  { name: 'ordinary, 1 row', text: rowsOf(1, (row) => `0.${row + 1}`), kind: 'ordinary' },
  { name: 'ordinary, 100 rows', text: rowsOf(100, (row) => `0.${row + 1}`), kind: 'ordinary' },
  { name: 'floats that are whole, 1 row', text: rowsOf(1, () => '1.0'), kind: 'lossy' },
  { name: 'floats that are whole, 100 rows', text: rowsOf(100, (row) => `${row}.0`), kind: 'lossy' },
  { name: 'integers beyond 2^53, 100 rows', text: rowsOf(100, (row) => `90071992547409${row + 100}`), kind: 'lossy' },
] as const;

const timePer = (parse: (text: string) => unknown, text: string, calls: number): number => {
  const startedMs = performance.now();
  for (let call = 0; call < calls; call += 1) if (parse(text) !== undefined) used += 1;
  return ((performance.now() - startedMs) * 1_000) / calls;
};

const runJson = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 3 : 101;
  const results = shapes.map(({ name, text, kind }) => {
    // As a function reads a message: its budget has counted the members before.
    const { members } = measureJson(Buffer.from(text));
    const ours: number[] = [];
    const plain: number[] = [];
    const calls = Math.max(1, Math.ceil((context.short ? 200_000 : 500_000) / text.length));
    for (let round = -3; round < rounds; round += 1) {
      const theirs = timePer(JSON.parse, text, calls);
      const own = timePer((source) => parseJson(source, members), text, calls);
      if (round < 0) continue;
      plain.push(theirs);
      ours.push(own);
    }
    return { name, kind, ours, plain };
  });
  return {
    measurements: results.flatMap(({ name, ours, plain }) => [
      { name: `lossless JSON, ${name}`, unit: 'us' as const, spread: spreadOf(ours) },
      { name: `JSON.parse, ${name}`, unit: 'us' as const, spread: spreadOf(plain) },
    ]),
    ratios: results.map(({ name, kind, ours, plain }) => ({
      name: `lossless JSON against JSON.parse, ${name}`,
      spread: ratioSpread(ours, plain),
      required: { rule: 'at most', value: kind === 'ordinary' ? 1.3 : 4 } as const,
    })),
  };
};

/** Reading a message without losing anything, against the engine's own parser. */
export const jsonBench: Bench = { name: 'json', seconds: 20, run: runJson };
