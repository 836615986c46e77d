import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createProgress } from '../../../infra/local/progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const recorded = () => {
  const lines: string[] = [];
  const progress = createProgress(
    (text) => lines.push(text.trimEnd()),
    () => Date.now(),
  );
  return { lines, progress };
};

it('shows what a step notes behind that step alone, while another one runs', async () => {
  const { lines, progress } = recorded();
  let endOne: () => void = () => undefined;
  const one = progress.step('one', async (note) => {
    note('reading');
    await new Promise<void>((resolve) => (endOne = resolve));
  });
  let endTwo: () => void = () => undefined;
  const two = progress.step('two', () => new Promise<void>((resolve) => (endTwo = resolve)));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(lines).toEqual(['  one ... 1.0 s (reading)', '  two ... 1.0 s']);
  endTwo();
  await two;
  endOne();
  await one;
  expect(lines.slice(2)).toEqual(['✓ two (1.0 s)', '✓ one (1.0 s)']);
});

it('says nothing of a quick step but that it is done, or that it failed', async () => {
  const { lines, progress } = recorded();
  expect(await progress.step('quick', () => Promise.resolve(1))).toBe(1);
  await expect(progress.step('broken', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(lines).toEqual(['✓ quick (0.0 s)', '✗ broken (0.0 s)']);
});
