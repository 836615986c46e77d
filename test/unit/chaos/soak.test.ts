import { describe, expect, it } from 'vitest';
import { checkSoak, isNearPoint, soakRows, type SoakSample } from '../../chaos/soak.ts';

const hourMs = 3_600_000;
const at = (minute: number, process: string, megabytes: number): SoakSample => ({
  atMs: minute * 60_000,
  process,
  megabytes,
  isRested: true,
});
const judge = (samples: readonly SoakSample[]): readonly string[] =>
  checkSoak(soakRows(samples, hourMs)).map(({ invariant, text }) => `${invariant}: ${text}`);

describe('a soak', () => {
  it('takes at 10, 30 and 60 minutes of an hour the median of the three minutes before', () => {
    const samples = [5, 7.5, 8, 9.5, 11, 28, 29, 31, 45, 58, 59, 60.2].map((minute) =>
      at(minute, 'connector-1', Math.round(minute * 10)),
    );
    expect(soakRows(samples, hourMs)).toEqual([{ process: 'connector-1', megabytes: [80, 280, 590] }]);
  });

  it('counts no look at a process that had no rest', () => {
    const samples = [9, 30, 60].flatMap((minute) => [
      at(minute, 'state-direct', 90),
      { ...at(minute, 'state-direct', 160), isRested: false },
    ]);
    expect(soakRows(samples, hourMs)).toEqual([{ process: 'state-direct', megabytes: [90, 90, 90] }]);
  });

  it('gives processes a rest in the three minutes before each point, and from there on at the end', () => {
    const minutes = [1, 6.9, 7.5, 10, 10.1, 26, 28, 31, 56, 58, 61];
    expect(minutes.filter((minute) => isNearPoint(minute * 60_000, hourMs))).toEqual([7.5, 10, 28, 58, 61]);
  });

  it('takes the largest of several processes of one function at each look', () => {
    const samples = [8, 9, 10, 30, 60].flatMap((minute) => [
      at(minute, 'state-direct', 90),
      at(minute, 'state-direct', 95),
    ]);
    expect(soakRows(samples, hourMs)).toEqual([{ process: 'state-direct', megabytes: [95, 95, 95] }]);
  });

  it('finds nothing where memory stays within 15 %', () => {
    expect(judge([at(10, 'connector-1', 100), at(30, 'connector-1', 115), at(60, 'connector-1', 101)])).toEqual([]);
  });

  it('names a process whose memory grows beyond that, and one that was not there', () => {
    const samples = [
      at(10, 'connector-1', 100),
      at(30, 'connector-1', 108),
      at(60, 'connector-1', 116),
      at(10, 'state-direct', 90),
      at(60, 'state-direct', 90),
    ];
    expect(judge(samples)).toEqual([
      'I6 bounded: connector-1 had 100, 108, 116 MB at the points of the soak',
      'suite: state-direct was not there at each point of the soak: 90, ?, 90 MB',
    ]);
  });
});
