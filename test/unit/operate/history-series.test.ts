import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addLatencies, latencyClassOf, percentileMs } from '../../../shared/message/latency-classes.ts';
import { addSteps, nothingCounted, readCounts } from '../../../shared/operate/history/history-counts.ts';
import { historyRange, historySeries } from '../../../shared/operate/history/history-series.ts';

const minute = 60_000;

describe('classes of latency', () => {
  const latencies = fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 50 });
  const countsOf = (list: readonly number[]) => addLatencies(list.map((ms) => [[latencyClassOf(ms), 1] as const]));

  it('say a percentile that is never too low and at most a fourth of an octave too high', () => {
    fc.assert(
      fc.property(latencies, fc.constantFrom(0.5, 0.99), (list, part) => {
        const sorted = list.toSorted((one, other) => one - other);
        const right = Math.max(1, sorted[Math.ceil(list.length * part) - 1]!);
        const told = percentileMs(countsOf(list), part)!;
        expect(told).toBeGreaterThanOrEqual(right * 0.999);
        expect(told).toBeLessThanOrEqual(right * 1.19);
      }),
    );
  });

  it('can be added in any order', () => {
    fc.assert(
      fc.property(latencies, latencies, (one, other) => {
        expect(addLatencies([countsOf(one), countsOf(other)])).toEqual(countsOf([...other, ...one]));
      }),
    );
  });
});

describe('series of the history', () => {
  const now = 29_000_000 * minute + 17_000;

  it('end with the last step that is over, and have a step that a chart can show', () => {
    for (const hours of [1, 2, 6, 24, 168]) {
      const { fromMs, toMs, stepMs } = historyRange(hours, now);
      expect(toMs).toBeLessThanOrEqual(now);
      expect(toMs).toBeGreaterThan(now - stepMs);
      expect([fromMs % stepMs, toMs % stepMs]).toEqual([0, 0]);
      const steps = (toMs - fromMs) / stepMs;
      expect(steps).toBeGreaterThanOrEqual(60);
      expect(steps).toBeLessThanOrEqual(168);
    }
  });

  it('add what several sources tell, and keep the highest backlog of a step', () => {
    const row = (atMinute: number, source: string, counts: object) => ({ minuteMs: atMinute * minute, source, counts });
    const series = historySeries(
      [
        row(10, 'connector a', { acked: 3, waiting: 4, latency: [[9, 3]] }),
        row(10, 'connector b', { acked: 2, waiting: 5 }),
        row(10, 'ledger', { rows: 50, messages: 5 }),
        row(11, 'connector a', { acked: 1, waiting: 2 }),
      ],
      { fromMs: 10 * minute, toMs: 14 * minute, stepMs: 2 * minute },
    );
    expect(series).toMatchObject({
      timesMs: [10 * minute, 12 * minute],
      rows: [50, 0],
      acked: [6, 0],
      waiting: [9, null],
      latencyP99Ms: [expect.any(Number), null],
    });
  });

  it('lose nothing by longer steps', () => {
    const counts = fc.record({ rows: fc.nat(1_000), acked: fc.nat(1_000), deadLettered: fc.nat(10) });
    const rows = fc.array(fc.record({ minute: fc.integer({ min: 0, max: 119 }), counts }), { maxLength: 40 });
    fc.assert(
      fc.property(rows, fc.constantFrom(1, 5, 15, 60), (list, step) => {
        const told = list.map(({ minute: at, counts: own }, n) => ({
          minuteMs: at * minute,
          source: `s${n}`,
          counts: own,
        }));
        const series = historySeries(told, { fromMs: 0, toMs: 120 * minute, stepMs: step * minute });
        const sum = (values: readonly (number | null)[]) =>
          values.reduce<number>((all, value) => all + (value ?? 0), 0);
        expect(sum(series.rows)).toBe(sum(list.map(({ counts: { rows: one } }) => one)));
        expect(sum(series.acked)).toBe(sum(list.map(({ counts: { acked } }) => acked)));
      }),
    );
  });

  it('leave out what is no count', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const counts = readCounts(value);
        for (const [name, told] of Object.entries(counts)) {
          if (name !== 'latency') expect(told === null || (told as number) >= 0).toBe(true);
        }
        expect(percentileMs(counts.latency, 0.5) ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
    expect(readCounts({ acked: -1, rows: '5', waiting: NaN, latency: [[1], [-1, 2], [1, 2]] })).toEqual({
      ...nothingCounted,
      latency: [[1, 2]],
    });
    expect(addSteps([])).toEqual(nothingCounted);
  });
});
