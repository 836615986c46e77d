import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';
import { describeTarget, resolveTarget } from '../../shared/postgres/connection-target.ts';
import { createLog, errorFields, type Log } from '../../shared/telemetry/log.ts';
import { parseArguments, usage, type StartArguments } from './arguments.ts';
import { runDemo } from './demo/run-demo.ts';
import { readLocalSettings, type LocalSettings } from './local-settings.ts';
import { startStack, type Stack } from './local-stack.ts';
import { createOrphanGuard } from './orphan-guard.ts';
import { createProgress, type Progress } from './progress.ts';

const rootDir = fileURLToPath(new URL('../..', import.meta.url));

/** Ctrl-C is asked for twice by people in a hurry; a step that cannot be given up gets this long. */
const hardStopMs = 30_000;
const hurryMs = 1_000;

const parentCheckMs = 1_000;

/** Passes on what the processes write: their JSON lines as they are, anything else inside one of our own. */
const passLine = (log: Log) => (process_: string, line: string) => {
  if (line.startsWith('{')) process.stderr.write(`${line}\n`);
  else if (process_ === 'postgres') log.debug('postgres', { line });
  else if (line !== '') log.warn('process_output', { process: process_, line: line.slice(0, 1_000) });
};

/** The database of this machine with its password, which is a local one; any other without. */
const shownDatabase = (text: string): string =>
  URL.canParse(text) && !text.includes('?') && shownUrl(text) === text
    ? text
    : `postgresql://${describeTarget(resolveTarget(text, process.env))}`;

/** A URL for people's eyes: passwords of servers elsewhere stay out of terminals and logs. */
const shownUrl = (text: string): string => {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.password === '' || ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) return text;
  url.password = '***';
  return url.href;
};

/** npm that is killed cannot pass its signal on; nobody could stop us then but by our number. */
const whenNpmIsGone = (stop: (why: string) => void): void => {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    stop('npm is gone');
  }, parentCheckMs);
  timer.unref();
};

const serve = async (
  args: StartArguments,
  stack: Stack,
  progress: Progress,
  jaegerUrl: string | undefined,
  signal: AbortSignal,
): Promise<boolean> => {
  const urls = {
    nats: stack.natsUrl.split(',').map(shownUrl).join(','),
    database: shownDatabase(stack.databaseUrl),
    gateway: stack.gatewayUrl,
    page: `${stack.gatewayUrl}/function/manage`,
    traces: stack.collector?.url ?? null,
    functionTokenFile: stack.functionTokenFile,
  };
  progress.say(`ready ${JSON.stringify(urls)}`);
  // A browser sends no fragment: the token gets into no request and no log.
  if (!args.once)
    progress.say(`open the page, signed in: ${urls.page}#token=${encodeURIComponent(stack.functionToken)}`);
  let right = true;
  if (args.demo) {
    const faults = await runDemo(stack, { progress, signal, jaegerUrl });
    right = faults.length === 0;
    progress.say(right ? '\n✓ the demo’s result is right' : '\n✗ the demo’s result is wrong:');
    for (const fault of faults) progress.say(`  - ${fault}`);
  }
  if (!args.once && !signal.aborted) {
    progress.say('\nserving; Ctrl-C stops everything');
    await once(signal, 'abort');
  }
  return right || !args.once;
};

const main = async (): Promise<number> => {
  const write = (text: string): void => void process.stdout.write(text);
  let args: StartArguments;
  let settings: LocalSettings;
  try {
    args = parseArguments(process.argv.slice(2));
    settings = readLocalSettings(process.env);
  } catch (error) {
    write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  if (args.help) {
    write(usage);
    return 0;
  }
  const toStderr = (line: string): void => void process.stderr.write(line);
  const log = createLog({ service: 'local', level: settings.logLevel, write: toStderr, nowMs: Date.now });
  const progress = createProgress(write, () => performance.now());
  const guard = createOrphanGuard();
  const stopping = new AbortController();
  let failed = false;

  let stoppingSinceMs: number | undefined;
  const stop = (why: string): void => {
    if (stoppingSinceMs !== undefined) {
      // Ctrl-C reaches us from the terminal and once more from npm; only a later one is a second wish.
      if (performance.now() - stoppingSinceMs > hurryMs) process.exit(130);
      return;
    }
    stoppingSinceMs = performance.now();
    progress.say(`\nstopping (${why}) ...`);
    stopping.abort();
    setTimeout(() => process.exit(1), hardStopMs).unref();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  whenNpmIsGone(stop);
  const fail = (error: unknown): void => {
    log.error('unexpected', errorFields(error));
    failed = true;
    stop('an unexpected error');
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  process.on('exit', guard.killAll);
  // A reader that has seen enough (`npm start | grep -m1 ready`) closes the pipe; that is no reason to stop serving.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);

  const { cacheDir, jaegerUrl } = settings;
  let stack: Stack | undefined;
  try {
    stack = await startStack({
      rootDir,
      cacheDir: resolve(cacheDir ?? join(rootDir, '.cache')),
      distDir: cacheDir === undefined ? join(rootDir, 'dist') : resolve(cacheDir, 'dist'),
      env: process.env,
      settings,
      progress,
      log,
      onLine: passLine(log),
      guard,
      signal: stopping.signal,
    });
    if (!(await serve(args, stack, progress, jaegerUrl, stopping.signal))) failed = true;
  } catch (error) {
    if (!stopping.signal.aborted) {
      failed = true;
      progress.say(`\nnpm start failed: ${error instanceof Error ? error.message : String(error)}`);
      log.error('start_failed', errorFields(error));
    } else if (stack === undefined) {
      failed = true; // asked to stop before it was ready
    }
  }
  await stack?.stop();
  guard.close();
  if (stopping.signal.aborted || args.once) progress.say('stopped; no process is left');
  return failed ? 1 : 0;
};

process.exit(await main());
