import type { PostgresServer } from '../../infra/local/postgres-server.ts';
import type { Spread } from './statistics.ts';

/** What a measurement may use. */
export interface BenchContext {
  /** Only checks that everything runs: the figures mean nothing. */
  readonly short: boolean;
  readonly postgres: PostgresServer;
  /** The nats-server that `npm start` would take. */
  readonly natsBinary: string;
  /** Bundles, built. */
  readonly distDir: string;
  /** Files of this run; removed at its end. */
  readonly folder: string;
  readonly note: (line: string) => void;
}

/** One line of the table: a candidate and what was measured of it. */
export interface Measurement {
  readonly name: string;
  readonly unit: 'rows/s' | 'ms' | 'MB' | 'us';
  readonly spread: Spread;
}

/** A figure of ours against another of the same run, and what it has to reach. */
export interface Ratio {
  readonly name: string;
  readonly spread: Spread;
  /** Undefined: shown for orientation. */
  readonly required?: { readonly rule: 'at least' | 'at most'; readonly value: number };
}

export interface BenchResult {
  readonly measurements: readonly Measurement[];
  readonly ratios: readonly Ratio[];
}

export interface Bench {
  readonly name: string;
  readonly run: (context: BenchContext) => Promise<BenchResult>;
}

/** Undefined if nothing is required. */
export const holds = ({ spread, required }: Ratio): boolean | undefined => {
  if (required === undefined) return undefined;
  return required.rule === 'at least' ? spread.median >= required.value : spread.median <= required.value;
};
