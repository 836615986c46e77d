import { appendFile, copyFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { GatewayBehaviour } from '../../infra/local/gateway-behaviour.ts';
import { versionOf } from '../../infra/local/nats-binary.ts';
import { faults } from './faults.ts';
import { createRandom } from './random.ts';
import type { InjectedFault } from './run-faults.ts';
import { runRound, type RoundResult } from './round.ts';
import { startWorld, type World } from './world.ts';

const usage = `node test/chaos/run.ts [--minutes 2] [--seed N] [--faults a,b] [--nats-binary PATH] [--no-pooler] [--round-seconds 40]
    [--gateway openfaas|knative|local] [--gentle] [--list]

Publishes a known history while faults are injected, then compares what is stored with it. Exits 1 on any difference.
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string' },
    faults: { type: 'string' },
    'nats-binary': { type: 'string' },
    'no-pooler': { type: 'boolean', default: false },
    'round-seconds': { type: 'string', default: '40' },
    gateway: { type: 'string', default: 'openfaas' },
    gentle: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);

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

const chosenFaults = () => {
  const names = values.faults?.split(',').map((name) => name.trim());
  const unknown = names?.filter((name) => faults.every((fault) => fault.name !== name)) ?? [];
  if (unknown.length > 0) throw new Error(`unknown faults: ${unknown.join(', ')}; see --list`);
  return names === undefined ? faults : faults.filter(({ name }) => names.includes(name));
};

const gatewayOf = (name: string): GatewayBehaviour => {
  if (name === 'openfaas' || name === 'knative' || name === 'local') return name;
  throw new Error('--gateway is openfaas, knative or local');
};

interface Run {
  readonly seed: number;
  readonly failed: boolean;
  readonly results: readonly RoundResult[];
  readonly lines: readonly string[];
}

/** An error with those in it, on lines of their own. */
const describe = (error: unknown): string => {
  const inner = error instanceof AggregateError ? error.errors.map((each) => `\n    ${describe(each)}`).join('') : '';
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${text}${inner}`;
};

const countNames = (faultsSeen: readonly InjectedFault[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { name } of faultsSeen) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
};

/** What was injected and counted, and where the log of a failed run is kept. */
const report = async (world: World, run: Run): Promise<void> => {
  const { seed, failed, results, lines } = run;
  const hits = countNames(results.flatMap(({ injected }) => injected));
  const missed = countNames(results.flatMap((result) => result.missed));
  const total = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
  say(`faults injected: ${total(hits)}; missed, as they met nobody: ${total(missed)}`);
  for (const name of [...new Set([...hits.keys(), ...missed.keys()])].toSorted())
    say(
      `  ${String(hits.get(name) ?? 0).padStart(4)} ${name}${missed.has(name) ? `, ${missed.get(name)} missed` : ''}`,
    );
  for (const [name, count] of Object.entries(sum(results))) say(`${name}: ${count}`);
  if (failed) {
    const kept = `/var/tmp/state-sync-chaos-${seed}.log`;
    await copyFile(world.logFile, kept);
    const timeline = results.flatMap((result) => result.timeline);
    await appendFile(kept, ['', 'faults', ...lines, '', 'deliveries', ...timeline, ''].join('\n'));
    say(`what the processes wrote: ${kept}`);
  }
};

const run = async (): Promise<number> => {
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
  const chosen = chosenFaults();
  const random = createRandom(seed);
  say(`seed ${seed}: repeat with --seed ${seed}`);
  const world = await startWorld({
    random,
    natsBinary: values['nats-binary'],
    pooler: !values['no-pooler'],
    gateway: gatewayOf(values.gateway),
    say,
  });
  // From here on: on a slow machine the start takes as long as a short run.
  const endMs = performance.now() + Number(values.minutes) * 60_000;
  const results: RoundResult[] = [];
  const lines: string[] = [];
  let failed = false;
  try {
    const version = (await versionOf(world.nats.binary)).join('.');
    say(
      `nats-server ${version}, ${world.pooler === undefined ? 'no pooler' : 'PgBouncer in transaction mode'}, ${chosen.length} kinds of faults, gateway as of ${values.gateway}, producers ${values.gentle ? 'gentle' : 'hostile'}`,
    );
    for (let round = 1; round === 1 || performance.now() < endMs; round += 1) {
      const left = endMs - performance.now();
      const twoConnectors = round % 3 === 0;
      const result = await runRound(world, {
        random: random.fork(),
        name: `s${seed}r${round}`,
        loadMs: Math.max(10_000, Math.min(Number(values['round-seconds']) * 1_000, left)),
        faults: chosen,
        pause: { leastMs: 300, mostMs: 3_000 },
        twoConnectors,
        isHostile: !values.gentle,
        say: (line) => {
          lines.push(`${new Date().toISOString()} ${line}`);
          if (!line.endsWith('over')) say(`  ${line}`);
        },
      });
      results.push(result);
      const { counts } = result;
      say(
        `round ${round}${twoConnectors ? ' (two connectors)' : ''}: ${counts['accepted']} messages, ${counts['rows']} rows, ` +
          `${result.injected.length} faults (${result.missed.length} more met nobody), at rest after ${counts['rest after (ms)']} ms, ${result.differences.length} differences`,
      );
      for (const { invariant, text } of result.differences) say(`  DIFFERENCE ${invariant}: ${text}`);
      if (result.differences.length > 0) {
        failed = true;
        break;
      }
    }
  } catch (error) {
    // What was seen until then is worth as much as what a difference leaves.
    failed = true;
    say(`  BROKEN OFF ${describe(error)}`);
  }
  try {
    await report(world, { seed, failed, results, lines });
  } finally {
    await world.stop();
  }
  say(failed ? `FAILED with seed ${seed}` : `every promise held (seed ${seed})`);
  return failed ? 1 : 0;
};

if (values.help) say(usage);
else if (values.list) for (const { name } of faults) say(name);
// At once: producers and watchers of a round that broke off, or a client without its server, would keep the process alive.
else process.exit(await run());
