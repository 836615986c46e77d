import type { SimulationPlan } from './simulation.ts';
import type { TogetherPlan } from './together.ts';

/** Runs that broke a promise once, as the long runs printed them: each is run again, beside those that are drawn. */
export const foundAlone: [SimulationPlan, number[]][] = [
  // A health check that was answered cut the time short for which another request's answer had asked (C11).
  [
    {
      messages: [
        { key: 'a', kind: 'unknown' },
        { key: 'b', kind: 'good' },
        { key: 'a', kind: 'unreadable' },
        { key: 'a', kind: 'good' },
        { key: 'a', kind: 'good' },
      ],
      laterMessages: [],
      seed: 0,
      largestBatch: 100,
      room: 20,
    },
    [8722, 2908, 47440, 1918, 47572, 52075, 79, 13246, 64087, 18574, 28464, 44115, 0],
  ],
];

export const foundTogether: [TogetherPlan, number[]][] = [
  // A look was answered at once and read after a freeze: what it showed was taken for what was there after the freeze (L5).
  [
    {
      messages: [
        { key: 'a', kind: 'good' },
        { key: 'b', kind: 'retried' },
        { key: 'a', kind: 'good' },
        { key: 'b', kind: 'good' },
        { key: 'a', kind: 'good' },
        { key: 'b', kind: 'good' },
        { key: 'a', kind: 'good' },
      ],
      seed: 0,
      room: 3,
      ackWaitMs: 90000,
      ttlMs: 3000,
      rates: [1, 1],
      serverRate: 1,
    },
    [
      4566593, 15363345, 1236705, 7048125, 9, 4566697, 14217816, 8783496, 14033221, 9107953, 5696881, 6308968, 6847089,
      885992, 1, 14244313, 9404613, 2097085, 5814929, 8496409, 8021781, 1388344, 6727273, 1, 6236013, 15834185, 5,
      1778320, 3078473, 12582905, 4144409, 118916, 7283689, 1786973, 1699253, 10160201, 1452277, 2401900, 3920721, 0,
      12841192, 15649684, 4759105, 79453, 14767469, 0, 0, 550653,
    ],
  ],
];
