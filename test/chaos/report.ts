import { appendFile, copyFile } from 'node:fs/promises';
import { textTable } from '../../infra/local/text-table.ts';
import type { Difference } from './difference.ts';
import type { RoundResult } from './round.ts';
import type { InjectedFault } from './run-faults.ts';
import { checkSoak, soakPoints, soakRows, soakSeries, type SoakSample } from './soak.ts';
import { summariseStandstills, type Standstill } from './standstill.ts';
import type { World } from './world.ts';

/** What came of a run. */
export interface FinishedRun {
  readonly seed: number;
  readonly failed: boolean;
  readonly results: readonly RoundResult[];
  /** What was said of faults, with times. */
  readonly lines: readonly string[];
}

type Say = (line: string) => void;

/** Says what was injected and counted, how long keys stood still, and where the log of a failed run is kept. */
export const reportRun = async (
  world: World,
  { seed, failed, results, lines }: FinishedRun,
  say: Say,
): Promise<void> => {
  sayFaults(results, say);
  for (const [name, count] of Object.entries(sum(results))) say(`${name}: ${count}`);
  sayStandstills(
    results.flatMap(({ standstills }) => standstills),
    say,
  );
  if (!failed) return;
  const kept = `/var/tmp/state-sync-chaos-${seed}.log`;
  await copyFile(world.logFile, kept);
  const timeline = results.flatMap((result) => result.timeline);
  await appendFile(kept, ['', 'faults', ...lines, '', 'deliveries', ...timeline, ''].join('\n'));
  say(`what the processes wrote: ${kept}`);
};

/** Says what each process had at the points of a soak, and returns those whose memory did not stay. */
export const reportSoak = (samples: readonly SoakSample[], minutes: number, say: Say): readonly Difference[] => {
  const rows = soakRows(samples, minutes * 60_000);
  const points = soakPoints.map((point) => String(Math.round(point * minutes * 10) / 10));
  say(`memory after ${points.join(', ')} minutes (MB)`);
  for (const { process, megabytes } of rows) say(`  ${process}: ${megabytes.map((each) => each ?? '?').join(', ')}`);
  say('memory at every look (MB)');
  for (const { process, looks } of soakSeries(samples)) {
    say(`  ${process}: ${looks.map(({ megabytes }) => megabytes).join(' ')}`);
  }
  return checkSoak(rows);
};

const sayFaults = (results: readonly RoundResult[], say: Say): void => {
  const hits = countNames(results.flatMap(({ injected }) => injected));
  const missed = countNames(results.flatMap((result) => result.missed));
  const total = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
  say(`faults injected: ${total(hits)}; missed, as they met nobody: ${total(missed)}`);
  for (const name of [...new Set([...hits.keys(), ...missed.keys()])].toSorted()) {
    const also = missed.has(name) ? `, ${missed.get(name)} missed` : '';
    say(`  ${String(hits.get(name) ?? 0).padStart(4)} ${name}${also}`);
  }
};

/** A table with one row for each kind of fault. */
export const sayStandstills = (standstills: readonly Standstill[], say: Say): void => {
  const rows = summariseStandstills(standstills);
  if (rows.length === 0) return;
  say('how long keys stood still, from the fault on (ms)');
  const cells = rows.map(({ fault, keys, p50Ms, p99Ms, mostMs }) => [fault, keys, p50Ms, p99Ms, mostMs].map(String));
  for (const line of textTable(['fault', 'keys', 'p50', 'p99', 'longest'], cells)) say(`  ${line}`);
};

const countNames = (faults: readonly InjectedFault[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { name } of faults) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
};

const sum = (results: readonly RoundResult[]): Record<string, number> => {
  const totals: Record<string, number> = {};
  for (const { counts } of results) {
    for (const [name, count] of Object.entries(counts)) {
      // These are the world's, not the round's: each round says how many there were by then.
      const isMost = /^(most|rest|settled|answers|connector) /.test(name);
      totals[name] = isMost ? Math.max(totals[name] ?? 0, count) : (totals[name] ?? 0) + count;
    }
  }
  return totals;
};
