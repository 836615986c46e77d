import type { CliIo } from './cli-io.ts';

/** Shows how far a long command is: drawn over itself on a terminal, a line now and then elsewhere. */
export interface ProgressBar {
  /** `total` undefined: it is not known yet. */
  update(done: number, total: number | undefined): Promise<void>;
  /** Ends the drawing; nothing is left of it on a terminal. */
  clear(): Promise<void>;
}

const widthCharacters = 30;
const redrawMs = 100;
const lineMs = 5_000;

export const createProgressBar = (io: CliIo, label: string, isSilent: boolean): ProgressBar => {
  const startedMs = io.nowMs();
  let shownMs = io.isTerminal ? Number.NEGATIVE_INFINITY : startedMs;
  let drawn = false;
  const text = (done: number, total: number | undefined): string => {
    const rate = Math.round(done / Math.max(0.001, (io.nowMs() - startedMs) / 1_000));
    if (total === undefined || total === 0) return `${label} ${done} (${rate}/s)`;
    const share = Math.min(1, done / total);
    const filled = Math.round(share * widthCharacters);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(widthCharacters - filled)}`;
    return `${label} ${bar} ${Math.floor(share * 100)} % ${done}/${total} (${rate}/s)`;
  };
  return {
    update: async (done, total) => {
      const nowMs = io.nowMs();
      if (isSilent || nowMs - shownMs < (io.isTerminal ? redrawMs : lineMs)) return;
      shownMs = nowMs;
      drawn = io.isTerminal;
      await io.write(io.isTerminal ? `\r${text(done, total)}\u001b[K` : `${text(done, total)}\n`);
    },
    clear: async () => {
      if (drawn) await io.write('\r\u001b[K');
      drawn = false;
    },
  };
};
