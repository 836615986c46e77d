import type { ProcessRegister } from '../../infra/local/child-process.ts';
import type { PostgresServer } from '../../infra/local/postgres-server.ts';
import type { Spread } from './statistics.ts';

/** What a measurement may use. */
export interface BenchContext {
  /** Only checks that everything runs: the figures mean nothing. */
  readonly short: boolean;
  readonly postgres: PostgresServer;
  /** Another one, with settings of its own (`name=value`) instead of the run's; it ends with the run at the latest. */
  readonly startServer: (settings: readonly string[]) => Promise<PostgresServer>;
  /** The nats-server that `npm start` would take. */
  readonly natsBinary: string;
  /** Bundles, built. */
  readonly distDir: string;
  /** Files of this run; removed at its end. */
  readonly folder: string;
  /** How far the measurement is. */
  readonly note: (text: string) => void;
  /** A line of a process, which its bench does not expect. */
  readonly onLine: (line: string) => void;
  /** Knows every process that is started here, so that none is left behind whatever ends this one. */
  readonly processes: ProcessRegister;
  /** Aborted when the run is to end: nothing new is started. */
  readonly signal: AbortSignal;
}

/** One line of the table: a candidate and what was measured of it. */
export interface Measurement {
  readonly name: string;
  /** Empty if the name says it. */
  readonly unit: 'rows/s' | 'ms' | 'MB' | 'us' | '';
  readonly spread: Spread;
}

/** A figure of ours against another of the same run, and what it has to reach. */
export interface Ratio {
  readonly name: string;
  readonly spread: Spread;
  /** Undefined: shown for orientation. */
  readonly required?: { readonly rule: 'at least' | 'at most'; readonly value: number };
}

/** Lines that are printed as they are. */
export interface Chart {
  readonly title: string;
  readonly lines: readonly string[];
}

export interface BenchResult {
  readonly measurements: readonly Measurement[];
  readonly ratios: readonly Ratio[];
  readonly charts?: readonly Chart[];
}

export interface Bench {
  readonly name: string;
  /** What it takes on two cores that do nothing else. */
  readonly seconds: number;
  /** Takes many minutes: runs only where it is named. */
  readonly onlyNamed?: boolean;
  /** Why it cannot run here; undefined if it can. */
  readonly missing?: () => string | undefined;
  readonly run: (context: BenchContext) => Promise<BenchResult>;
}

/** Undefined if nothing is required. */
export const holds = ({ spread, required }: Ratio): boolean | undefined => {
  if (required === undefined) return undefined;
  return required.rule === 'at least' ? spread.median >= required.value : spread.median <= required.value;
};
