/** What a long run tells people meanwhile. */
export interface ProgressLine {
  /** Takes the place of what was said before. */
  say(text: string): void;
  /** Makes room for lines that stay. */
  clear(): void;
}

/** Where no terminal rewrites a line, one is written this often at most. */
const leastPauseMs = 10_000;

/** One line on a terminal, rewritten each time; elsewhere a line now and then. */
export const createProgressLine = (
  output: { readonly isTerminal: boolean; readonly write: (text: string) => void },
  nowMs: () => number,
): ProgressLine => {
  let saidMs = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    say: (text) => {
      if (output.isTerminal) {
        output.write(`\r\u001b[K${text}`);
        isShown = true;
      } else if (nowMs() - saidMs >= leastPauseMs) {
        saidMs = nowMs();
        output.write(`${text}\n`);
      }
    },
    clear: () => {
      if (isShown) output.write('\r\u001b[K');
      isShown = false;
    },
  };
};

/** A duration for people: `40 s`, `3 min`. */
export const durationText = (seconds: number): string =>
  seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
