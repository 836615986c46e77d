import { describe, expect, it, vi } from 'vitest';
import { within } from '../../../shared/process/within.ts';

const never = new Promise<string>(() => undefined);

describe('work within a time limit', () => {
  it('gives its result if it ends in time', async () => {
    expect(await within(10_000, Promise.resolve('done'), () => 'late')).toBe('done');
  });

  it('passes its error on', async () => {
    await expect(within(10_000, Promise.reject(new Error('broken')), () => 'late')).rejects.toThrow('broken');
  });

  it('gives what stands in for it once the time is up', async () => {
    expect(await within(1, never, () => 'late')).toBe('late');
  });

  it('fails with what stands in for it if that throws', async () => {
    const late = (): never => {
      throw new Error('too late');
    };
    await expect(within(1, never, late)).rejects.toThrow('too late');
  });

  it('measures the limit on the clock that it is given', async () => {
    let ring = (): void => undefined;
    let isCalledOff = false;
    const late = within(
      5,
      never,
      () => 'late',
      (delayMs, callback) => {
        expect(delayMs).toBe(5);
        ring = callback;
        return () => {
          isCalledOff = true;
        };
      },
    );
    ring();
    expect(await late).toBe('late');
    expect(isCalledOff).toBe(true);
  });

  it('leaves no timer behind', async () => {
    vi.useFakeTimers();
    try {
      await within(10_000, Promise.resolve('done'), () => 'late');
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
