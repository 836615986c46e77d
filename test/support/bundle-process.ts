import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { until } from './until.ts';

/** Runs a bundle as its pod does: told by its environment, ready when `/_/ready` says so, asked to stop by SIGTERM. */
export const startBundle = async (
  entry: string,
  env: Readonly<Record<string, string>>,
): Promise<{ stop(): Promise<void> }> => {
  const child = spawn(process.execPath, [entry], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', ...env },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'exit');
  const onExit = (): void => void child.kill('SIGKILL');
  process.on('exit', onExit);
  const isReady = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${env['PORT'] ?? ''}/_/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until(`${entry} to be ready`, async () => child.exitCode !== null || (await isReady()), { context: () => log });
  if (child.exitCode !== null) throw new Error(`${entry} ended at its start: ${log}`);
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', onExit);
    },
  };
};
