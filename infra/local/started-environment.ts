import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { natsSettingNames } from '../../shared/config/nats-settings.ts';

/** What other processes of this machine need to reach a running `npm start`. */
const names = [
  'DATABASE_URL',
  'MSG_URL',
  ...natsSettingNames.filter((name) => name !== 'MSG_URL'),
  'ROUTING_FILE',
  'FUNCTION_TOKEN',
  'GATEWAY_URL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'JAEGER_QUERY_URL',
] as const;

/**
 * Notes the environment of the processes of this start, readable by its user only, for the command line.
 * @returns removes it again.
 */
export const writeStartedEnvironment = async (
  cacheDir: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<() => Promise<void>> => {
  const file = fileIn(cacheDir);
  const noted = Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  await rm(file, { force: true });
  await writeFile(file, `${JSON.stringify({ pid: process.pid, env: noted })}\n`, { mode: 0o600 });
  return () => rm(file, { force: true });
};

/** The environment of the `npm start` that runs now; empty if there is none, or only what a killed one left behind. */
export const readStartedEnvironment = async (cacheDir: string): Promise<Readonly<Record<string, string>>> => {
  let text: string;
  try {
    text = await readFile(fileIn(cacheDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  const { pid, env } = JSON.parse(text) as { readonly pid: number; readonly env: Readonly<Record<string, string>> };
  return isAlive(pid) ? env : {};
};

const fileIn = (cacheDir: string): string => join(cacheDir, 'run', 'environment.json');

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};
