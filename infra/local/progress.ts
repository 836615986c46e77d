/** What `npm start` tells people, on stdout. */
export interface Progress {
  /** One line. */
  say(line: string): void;
  /** What is being done inside the current step: shown if the step takes longer than a second. */
  readonly note: (text: string) => void;
  /** Runs a step: nothing is shown in its first second, then that it is under way, then that it is done. */
  step<T>(label: string, work: () => Promise<T>): Promise<T>;
}

const quietMs = 1_000;
const repeatMs = 5_000;

/** `write` gets whole lines, line end included. */
export const createProgress = (write: (text: string) => void, nowMs: () => number): Progress => {
  let latestNote = '';
  const say = (line: string): void => {
    write(`${line}\n`);
  };
  const step = async <T>(label: string, work: () => Promise<T>): Promise<T> => {
    const startedMs = nowMs();
    latestNote = '';
    let shownNote = '';
    const seconds = (): string => `${((nowMs() - startedMs) / 1_000).toFixed(1)} s`;
    const show = (): void => {
      shownNote = latestNote;
      say(`  ${label} ... ${seconds()}${latestNote === '' ? '' : ` (${latestNote})`}`);
    };
    let repeat: NodeJS.Timeout | undefined;
    const first = setTimeout(() => {
      show();
      let shownMs = nowMs();
      repeat = setInterval(() => {
        if (latestNote === shownNote && nowMs() - shownMs < repeatMs) return;
        shownMs = nowMs();
        show();
      }, quietMs);
    }, quietMs);
    try {
      const result = await work();
      say(`✓ ${label} (${seconds()})`);
      return result;
    } catch (error) {
      say(`✗ ${label} (${seconds()})`);
      throw error;
    } finally {
      clearTimeout(first);
      clearInterval(repeat);
    }
  };
  return { say, note: (text) => (latestNote = text), step };
};
