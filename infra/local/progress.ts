/** What `npm start` tells people, on stdout. */
export interface Progress {
  /** One line. */
  say(line: string): void;
  /**
   * Runs a step: nothing is shown in its first second, then that it is under way, then that it is done. Several may run at
   * the same time. What the work notes is shown behind its own step.
   */
  step<T>(label: string, work: (note: Note) => Promise<T>): Promise<T>;
}

/** Says what is being done inside a step. */
export type Note = (text: string) => void;

const quietMs = 1_000;
const repeatMs = 5_000;

/** `write` gets whole lines, line end included. */
export const createProgress = (write: (text: string) => void, nowMs: () => number): Progress => {
  const say = (line: string): void => {
    write(`${line}\n`);
  };
  const step = async <T>(label: string, work: (note: Note) => Promise<T>): Promise<T> => {
    const startedMs = nowMs();
    let latestNote = '';
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
      const result = await work((text) => (latestNote = text));
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
  return { say, step };
};
