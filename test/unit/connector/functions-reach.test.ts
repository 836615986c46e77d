import { describe, expect, it } from 'vitest';
import { createFunctionsReach } from '../../../infra/connector/lease/functions-reach.ts';
import { createLog } from '../../../shared/telemetry/log.ts';

/** Probes answer as told, one after the other; time passes only by what is waited for. */
const reachOf = (answers: readonly boolean[], isNeeded = true) => {
  let nowMs = 0;
  let probes = 0;
  const seen: boolean[] = [];
  let wake: (() => void) | undefined;
  const clock = {
    nowMs: () => nowMs,
    epochMs: () => 0,
    soon: () => undefined,
    after: (delayMs: number, callback: () => void) => {
      nowMs += delayMs;
      seen.push(reach.isThere);
      wake = callback;
      return () => undefined;
    },
  };
  const reach = createFunctionsReach({
    probe: async () => answers[probes++] ?? true,
    isNeeded: () => isNeeded,
    everyMs: 1_000,
    clock,
    log: createLog({ service: 'test', level: 'ERROR', write: () => undefined, nowMs: () => 0 }),
  });
  reach.start();
  const next = async (): Promise<void> => {
    await new Promise(setImmediate);
    wake?.();
    await new Promise(setImmediate);
  };
  return { next, seen, probes: () => probes, reach, passedMs: () => nowMs };
};

describe('whether a connector reaches the functions (L10)', () => {
  it('is denied after two questions in vain, and known again after one answer', async () => {
    const { next, seen } = reachOf([true, false, true, false, false, false, true]);
    for (let looks = 0; looks < 7; looks += 1) await next();
    expect(seen.slice(0, 7)).toEqual([true, true, true, true, false, false, true]);
  });

  it('is not asked while no other connector is there', async () => {
    const { next, seen, probes } = reachOf([false, false, false], false);
    for (let looks = 0; looks < 3; looks += 1) await next();
    expect([probes(), ...new Set(seen)]).toEqual([0, true]);
  });

  it('is asked once in its time, and not after the end', async () => {
    const { next, probes, reach, passedMs } = reachOf([]);
    await next();
    const [before, atMs] = [probes(), passedMs()];
    await next();
    expect([probes() - before, passedMs() - atMs]).toEqual([1, 1_000]);
    reach.stop();
    await next();
    await next();
    expect(probes()).toBe(before + 1);
  });
});
