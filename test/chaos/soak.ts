import type { Difference } from './difference.ts';

/** The memory of one process while nothing is left to do. */
export interface SoakSample {
  /** Whether it had time to let go of what it does not keep (`restMs`): only then it counts. */
  readonly isRested: boolean;
  /** Since the load began. */
  readonly atMs: number;
  readonly process: string;
  readonly megabytes: number;
}

/** When memory is judged, in parts of the whole: 10, 30 and 60 minutes of an hour. */
export const soakPoints = [1 / 6, 1 / 2, 1] as const;

/**
 * A single look may be an outlier. So the looks of this part of the whole up to a point are taken together, three minutes of an hour,
 * and their median counts.
 */
const windowShare = 1 / 20;

/**
 * How long a process has nothing to do before a look that counts. What it has under load says little of what it keeps. Of two runs a function
 * that stored eight bodies of 4 MB had 160 MB right after them in one, 130 under further load, and 76 after twelve quiet seconds; in the
 * other it never had more than 102.
 */
export const restMs = 30_000;

/** Whether a look at that time counts for one of the points, so that the processes are given a rest before it. */
export const isNearPoint = (atMs: number, wholeMs: number): boolean =>
  soakPoints.some((point) => atMs > (point - windowShare) * wholeMs && (atMs <= point * wholeMs || point === 1));

/** At each point a process must have what it has at the others, give or take this share. */
const mostDrift = 0.15;

export interface SoakRow {
  readonly process: string;
  /** At each point, in megabytes; undefined if it was not seen there. */
  readonly megabytes: readonly (number | undefined)[];
}

/** Faults that end a process of the store: a new one has not been running for long. */
const endings = /^(kill|end)-(function|connector|holder)$|^die-at-failpoint$/;

/** Whether the fault may come in a soak. */
export const lastsThrough = ({ name }: { readonly name: string }): boolean => !endings.test(name);

/** What each process had around each point. The last round may rest a little before or after the whole time. */
export const soakRows = (samples: readonly SoakSample[], wholeMs: number): readonly SoakRow[] => {
  const rested = samples.filter(({ isRested }) => isRested);
  const lastMs = Math.max(...rested.map(({ atMs }) => atMs));
  return soakSeries(rested).map(({ process, looks }) => ({
    process,
    megabytes: soakPoints.map((point) => {
      const untilMs = point === 1 ? lastMs : point * wholeMs;
      const fromMs = untilMs - windowShare * wholeMs;
      return median(looks.filter(({ atMs }) => atMs > fromMs && atMs <= untilMs).map(({ megabytes }) => megabytes));
    }),
  }));
};

/** Every look at each process. Of several processes of one function the largest counts. */
export const soakSeries = (
  samples: readonly SoakSample[],
): readonly {
  readonly process: string;
  readonly looks: readonly { readonly atMs: number; readonly megabytes: number }[];
}[] => {
  const processes = [...new Set(samples.map(({ process }) => process))].toSorted();
  return processes.map((process) => {
    const most = new Map<number, number>();
    for (const { atMs, megabytes, process: own } of samples) {
      if (own === process) most.set(atMs, Math.max(megabytes, most.get(atMs) ?? 0));
    }
    const looks = [...most].map(([atMs, megabytes]) => ({ atMs, megabytes }));
    return { process, looks: looks.toSorted((one, other) => one.atMs - other.atMs) };
  });
};

/** Processes whose memory grew or shrank between the points: what grows in an hour fills a container in a day. */
export const checkSoak = (rows: readonly SoakRow[]): readonly Difference[] =>
  rows.flatMap(({ process, megabytes }): Difference[] => {
    const seen = megabytes.filter((each) => each !== undefined);
    const told = megabytes.map((each) => each ?? '?').join(', ');
    if (seen.length < soakPoints.length) {
      return [{ invariant: 'suite', text: `${process} was not there at each point of the soak: ${told} MB` }];
    }
    const least = Math.min(...seen);
    if ((Math.max(...seen) - least) / least <= mostDrift) return [];
    return [{ invariant: 'I6 bounded', text: `${process} had ${told} MB at the points of the soak` }];
  });

const median = (values: readonly number[]): number | undefined =>
  values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) / 2)];
