import { readFunctionConfig, settingSource, type FunctionConfig } from '../config/function-config.ts';
import { readRouting } from '../config/read-routing.ts';
import { createBus, type Bus, type BusOptions } from '../nats/bus.ts';
import type { DatabasePool } from '../postgres/database.ts';
import { createPool, type PoolOptions } from '../postgres/pool.ts';
import type { Routing } from '../routing/routing.ts';

/** The routing file of the settings. @throws RoutingError with every fault */
export const openRouting = (config: FunctionConfig): Promise<Routing> =>
  readRouting(config.routingFile, { hasServer: config.nats.url !== undefined });

/** The pool of a process as its settings say; it connects at its first statement. */
export const openPool = (
  config: FunctionConfig,
  env: NonNullable<PoolOptions['env']>,
  options: Omit<PoolOptions, 'env' | 'reread'>,
): DatabasePool =>
  createPool(config.databaseUrl, {
    max: config.maxConnections,
    env,
    reread: () => readFunctionConfig(settingSource(env)).databaseUrl,
    ...(config.tableSchema === undefined ? {} : { tableSchema: config.tableSchema }),
    ledgerSchema: config.ledgerSchema,
    ...options,
  });

/** Where a process publishes, as its settings and its routing file say; it connects at its first message. */
export const openBus = (
  config: FunctionConfig,
  { routes, streams }: Routing,
  options: Pick<BusOptions, 'name' | 'onConnection' | 'onError'>,
): Bus => createBus({ routes, streams, settings: config.nats, ...options });
