import { expect, it } from 'vitest';
import { createProgressLine, durationText } from '../../bench/progress-line.ts';

const written = (isTerminal: boolean) => {
  const texts: string[] = [];
  const clock = { ms: 0 };
  const line = createProgressLine({ isTerminal, write: (text) => void texts.push(text) }, () => clock.ms);
  return { texts, clock, line };
};

it('rewrites one line on a terminal, and takes it away for lines that stay', () => {
  const { texts, line } = written(true);
  line.say('one');
  line.say('two');
  line.clear();
  line.clear();
  expect(texts).toEqual(['\r\u001b[Kone', '\r\u001b[Ktwo', '\r\u001b[K']);
});

it('writes a line every ten seconds where there is no terminal', () => {
  const { texts, clock, line } = written(false);
  for (clock.ms = 0; clock.ms <= 20_000; clock.ms += 1_000) line.say(String(clock.ms));
  line.clear();
  expect(texts).toEqual(['0\n', '10000\n', '20000\n']);
});

it('says a duration in seconds or minutes', () => {
  expect([0.2, 40, 89, 90, 800].map(durationText)).toEqual(['1 s', '40 s', '89 s', '2 min', '13 min']);
});
