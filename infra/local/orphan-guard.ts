import { spawn } from 'node:child_process';
import type { ProcessRegister } from './child-process.ts';

export interface OrphanGuard extends ProcessRegister {
  /** Kills whatever is still registered, at once; for the moment in which this process ends. */
  readonly killAll: () => void;
  close(): void;
}

/** How long a process may drain after its parent was killed. */
const graceSeconds = 10;

/** Reads lists of pids; when the pipe ends, so has the parent: ends what the last list names. */
const script = `
pids=
while read -r line; do pids=$line; done
for pid in $pids; do kill -TERM "$pid" 2>/dev/null; done
left=${String(graceSeconds)}
while [ "$left" -gt 0 ]; do
  alive=
  for pid in $pids; do kill -0 "$pid" 2>/dev/null && alive=yes; done
  [ -z "$alive" ] && exit 0
  sleep 1
  left=$((left - 1))
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
exit 0
`;

/**
 * Ends registered processes when this one dies without having stopped them (SIGKILL, a crash): a shell of its own waits
 * on a pipe that only this process holds. It is told of every end, so a pid that was given to another process is safe.
 */
export const createOrphanGuard = (): OrphanGuard => {
  const running = new Set<number>();
  const shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  let broken = false;
  // Without a guard everything works but the clean-up after a SIGKILL.
  shell.on('error', () => (broken = true));
  shell.stdin.on('error', () => (broken = true));
  shell.unref();
  (shell.stdin as unknown as { unref?: () => void }).unref?.();
  const tell = (): void => {
    if (!broken) shell.stdin.write(`${[...running].join(' ')}\n`);
  };
  return {
    add: (pid) => {
      running.add(pid);
      tell();
    },
    remove: (pid) => {
      running.delete(pid);
      tell();
    },
    killAll: () => {
      for (const pid of running) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch (error) {
          // It ended between its last sign of life and now, which is all we want.
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
      }
      running.clear();
    },
    close: () => {
      shell.stdin.end();
    },
  };
};
