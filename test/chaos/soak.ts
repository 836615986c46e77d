import type { Difference } from './difference.ts';

/** The memory of one process while nothing is left to do. */
export interface SoakSample {
  /** Since the load began. */
  readonly atMs: number;
  readonly process: string;
  readonly megabytes: number;
}

/** When memory is judged, in parts of the whole: 10, 30 and 60 minutes of an hour. */
export const soakPoints = [1 / 6, 1 / 2, 1] as const;

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

/** What each process had at the first look at or after each point; the last look stands for the last point. */
export const soakRows = (samples: readonly SoakSample[], wholeMs: number): readonly SoakRow[] => {
  const processes = [...new Set(samples.map(({ process }) => process))].toSorted();
  const looks = [...new Set(samples.map(({ atMs }) => atMs))].toSorted((one, other) => one - other);
  const chosen = soakPoints.map((point) => looks.find((atMs) => atMs >= point * wholeMs) ?? looks.at(-1));
  return processes.map((process) => ({
    process,
    megabytes: chosen.map((atMs) => mostOf(samples.filter((each) => each.process === process && each.atMs === atMs))),
  }));
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

/** Of several processes of one function, the largest. */
const mostOf = (samples: readonly SoakSample[]): number | undefined =>
  samples.length === 0 ? undefined : Math.max(...samples.map(({ megabytes }) => megabytes));
