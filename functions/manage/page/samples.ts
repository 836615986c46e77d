import type { LiveStatus } from './live-status.ts';

interface Sample {
  readonly seconds: number;
  readonly count: number;
}

/** What was counted in the last two minutes, by stream or by stream and consumer. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

const keepSeconds = 120;

export const consumerKey = (stream: string, consumer: string): string => `${stream} ${consumer}`;

/** Adds the counters of a status; samples that are too old leave. */
export const addSamples = (samples: Samples, status: LiveStatus): Samples => {
  const seconds = Date.parse(status.time) / 1_000;
  const next = new Map<string, readonly Sample[]>();
  const add = (key: string, count: number): void => {
    const before = (samples.get(key) ?? []).filter((sample) => seconds - sample.seconds <= keepSeconds);
    const isLater = seconds > (before.at(-1)?.seconds ?? -Infinity);
    next.set(key, isLater ? [...before, { seconds, count }] : before);
  };
  for (const named of status.streams) {
    if (!named.ok || named.stream === null) continue;
    add(named.name, named.stream.lastSequence);
    for (const consumer of named.stream.consumers) {
      add(consumerKey(named.name, consumer.name), consumer.ackFloorSequence);
    }
  }
  return next;
};

/** Messages per second between each two samples, oldest first; empty before the second sample. */
export const ratesOf = (samples: Samples, key: string): readonly number[] => {
  const list = samples.get(key) ?? [];
  return list.slice(1).map((sample, index) => {
    const before = list[index]!;
    // A stream that was made anew counts from the beginning.
    return Math.max(0, sample.count - before.count) / (sample.seconds - before.seconds);
  });
};
