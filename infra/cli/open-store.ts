import { access } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ManageContext } from '../../shared/operate/manage-context.ts';
import { openContext } from '../../shared/operate/open-context.ts';
import { readFunctionConfig, settingSource, type FunctionConfig } from '../../shared/config/function-config.ts';
import { openBus, openPool, openRouting } from '../../shared/function/open-servers.ts';
import type { Bus } from '../../shared/nats/bus.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import type { Routing } from '../../shared/routing/routing.ts';
import { readStartedEnvironment } from '../local/started-environment.ts';
import type { CliIo } from './cli-io.ts';

/** The servers of the store, each reached at first use. */
export interface Store {
  /** The environment, with what a running `npm start` adds. */
  environment(): Promise<Readonly<Record<string, string | undefined>>>;
  /** Whether the environment of this process has the setting. */
  isGiven(name: string): boolean;
  /** Whether the setting is that of a running `npm start`. */
  isStarted(name: string): Promise<boolean>;
  /** The variables that name another server than a running `npm start` has: for their sake nothing of it is used. */
  namesOfOthers(): Promise<readonly string[]>;
  /** @throws ConfigError with every fault */
  config(): Promise<FunctionConfig>;
  routing(): Promise<Routing>;
  pool(): Promise<DatabasePool>;
  bus(): Promise<Bus>;
  /** For the commands that `manage` runs too. */
  manage(): Promise<ManageContext>;
  close(): Promise<void>;
}

/**
 * Everything of the environment counts first, then secret files, then a running `npm start` of this clone, then defaults. If
 * the environment names another server than that `npm start` has, nothing of it counts.
 * The routing file is `ROUTING_FILE`, else `.routing.yaml` or `routing.yaml` of the current folder.
 */
export const openStore = (io: CliIo): Store => {
  const closers: (() => Promise<unknown>)[] = [];
  const isGiven = (name: string): boolean => (io.env[name] ?? '') !== '';
  const started = once(() => readStartedEnvironment(cacheDir(io.env)));
  const namesOfOthers = once(async () => {
    const running = await started();
    if (Object.keys(running).length === 0) return [];
    return serverNames.filter((name) => {
      const own = io.env[name] ?? '';
      const its = running[name] ?? (name === 'NATS_URL' ? running['MSG_URL'] : undefined);
      return own !== '' && (its === undefined || !isSameServer(own, its));
    });
  });
  const environment = once(async () => {
    const given = Object.fromEntries(Object.entries(io.env).filter(([, value]) => value !== undefined && value !== ''));
    // A server of the user's own choice must not be mixed with parts of another installation.
    const env: Record<string, string | undefined> =
      (await namesOfOthers()).length === 0 ? { ...(await started()), ...given } : { ...given };
    if (env['ROUTING_FILE'] === undefined && !(await exists(join(io.cwd, '.routing.yaml')))) {
      env['ROUTING_FILE'] = join(io.cwd, 'routing.yaml');
    }
    return env;
  });
  const config = once(async () => readFunctionConfig(settingSource(await environment())));
  const routing = once(async () => openRouting(await config()));
  const pool = once(async () => {
    const opened = openPool(await config(), await environment(), { max: 2, applicationName, queryTimeoutMs: 600_000 });
    closers.push(() => opened.end());
    return opened;
  });
  const bus = once(async () => {
    const opened = openBus(await config(), await routing(), {
      name: applicationName,
      onError: (error) => io.writeError(`nats: ${error instanceof Error ? error.message : String(error)}\n`),
    });
    closers.push(() => opened.close());
    return opened;
  });
  const manage = once(async () =>
    openContext({
      config: await config(),
      env: await environment(),
      routing: await routing(),
      bus: await bus(),
      pool: await pool(),
      actor: `${io.env['USER'] ?? io.env['USERNAME'] ?? 'somebody'}@${hostname()} (command line)`,
      nowMs: io.nowMs,
      // The answer has the reason; a command line has no log.
      onError: () => undefined,
    }),
  );
  return {
    environment,
    isGiven,
    isStarted: async (name) =>
      !isGiven(name) && (await started())[name] !== undefined && (await environment())[name] !== undefined,
    namesOfOthers,
    config,
    routing,
    pool,
    bus,
    manage,
    close: async () => {
      await Promise.allSettled(closers.map((close) => close()));
    },
  };
};

const applicationName = 'state-sync-cli';

/** The variables that name a server of the user's own. */
const serverNames = ['DATABASE_URL', 'MSG_URL', 'NATS_URL', 'NATS_CONTEXT'] as const;

/** Whether two addresses are those of one server, and of one database there: host, port and path, with any user. */
const isSameServer = (one: string, other: string): boolean => {
  if (one.trim() === other.trim()) return true;
  if (!URL.canParse(one) || !URL.canParse(other)) return false;
  const [first, second] = [new URL(one), new URL(other)];
  return first.host !== '' && first.host === second.host && first.pathname === second.pathname;
};

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
};

/** The project's own folder: where `npm start` keeps what it started. */
const cacheDir = (env: CliIo['env']): string =>
  env['CACHE_DIR'] ?? fileURLToPath(new URL('../../.cache', import.meta.url));

const exists = async (path: string): Promise<boolean> => {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
};
