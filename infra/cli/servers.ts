import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { settingSource, type FunctionConfig } from '../../shared/config/function-config.ts';
import { ConfigError, secretFileName } from '../../shared/config/settings.ts';
import { describeTarget, resolveTarget, type ConnectionTarget } from '../../shared/postgres/connection-target.ts';
import { CliError, exitCodes, usageError, type CliIo } from './cli-io.ts';
import type { Store } from './open-store.ts';

/** One server of the store, for people: no password is in it. */
export interface Server {
  readonly name: 'database' | 'NATS';
  /** Host, port and, of a database, its name. */
  readonly address: string;
  readonly origin: 'the environment' | 'a secret file' | 'npm start' | 'the routing file' | 'a default';
}

/**
 * The servers that a command talks to, and where each address came from. Nothing is connected to. None if the settings have
 * faults: the command says which.
 */
export const findServers = async (store: Store): Promise<readonly Server[]> => {
  const found = await validConfig(store);
  if (found === undefined) return [];
  const { config, target } = found;
  const database: Server = {
    name: 'database',
    address: describeTarget(target),
    origin: (await givenBy(store, 'DATABASE_URL')) ?? 'a default',
  };
  const natsUrl = config.nats.url;
  const natsOrigin =
    (await givenBy(store, 'MSG_URL')) ?? (await givenBy(store, 'NATS_URL')) ?? (await givenBy(store, 'NATS_CONTEXT'));
  if (natsUrl !== undefined && natsOrigin !== undefined) {
    return [database, { name: 'NATS', address: addressOf(natsUrl), origin: natsOrigin }];
  }
  const urls = await routeUrls(store);
  if (urls.length === 0) return [database];
  const isNamed = (await givenBy(store, 'ROUTING_FILE')) !== undefined;
  const origin = isNamed ? 'the routing file' : 'a default';
  return [database, { name: 'NATS', address: urls.map(addressOf).join(' '), origin }];
};

/** One line for people: `database localhost:5432/postgres (a default), NATS ...`. */
export const describeServers = (servers: readonly Server[]): string =>
  servers.map(({ name, address, origin }) => `${name} ${address} (${origin})`).join(', ');

/**
 * Before a command changes anything at servers that nobody named: asks a person, and refuses if there is none to ask.
 * @throws CliError usage, or `not_confirmed`
 */
export const confirmDefaults = async (io: CliIo, servers: readonly Server[]): Promise<void> => {
  const defaults = servers.filter(({ origin }) => origin === 'a default');
  if (defaults.length === 0) return;
  const what = describeServers(defaults);
  if (io.ask === undefined) {
    throw usageError(
      `nobody named the ${what}: set DATABASE_URL, and MSG_URL or ROUTING_FILE, before you change something there`,
    );
  }
  const answer = await io.ask(`Nobody named the ${what}. Go on there? Type yes: `);
  if (answer.trim().toLowerCase() !== 'yes') throw new CliError(exitCodes.failed, 'not_confirmed', 'nothing was done');
};

const validConfig = async (
  store: Store,
): Promise<{ readonly config: FunctionConfig; readonly target: ConnectionTarget } | undefined> => {
  try {
    const config = await store.config();
    return { config, target: resolveTarget(config.databaseUrl, await store.environment()) };
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
};

const givenBy = async (store: Store, name: string): Promise<Server['origin'] | undefined> => {
  if (await store.isStarted(name)) return 'npm start';
  const env = await store.environment();
  if (store.isGiven(name)) return 'the environment';
  return existsSync(join(settingSource(env).secretsDir, secretFileName(name))) ? 'a secret file' : undefined;
};

/**
 * The address without credentials and parameters. A password may hold any character, a comma or an `@` too, so only a list
 * whose every part has a scheme is taken for several servers.
 */
const addressOf = (url: string): string => {
  const parts = url.split(',').map((part) => part.trim());
  const servers = parts.every((part) => /^[a-z]+:\/\//i.test(part)) ? parts : [url.trim()];
  return servers
    .map((server) =>
      server
        .replace(/[?#].*$/s, '')
        .replace(/^[a-z]+:\/\//i, '')
        .replace(/^.*@/s, ''),
    )
    .join(',');
};

/** The servers of the routes; none if there is no routing file that can be read: a command that needs it says why. */
const routeUrls = async (store: Store): Promise<readonly string[]> => {
  try {
    return [...new Set([...(await store.routing()).routes.values()].map(({ url }) => url))];
  } catch (error) {
    if (Array.isArray((error as { readonly faults?: unknown }).faults)) return [];
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
};
