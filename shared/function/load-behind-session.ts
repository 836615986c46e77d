import type { DatabasePool, FreshSession } from '../postgres/database.ts';
import type { FunctionApp, FunctionRuntime } from './run-function.ts';

/** @param pool the one that the process has opened; by default a new one. It ends with the app */
export type CreateMessageApp = (runtime: FunctionRuntime, pool?: DatabasePool) => Promise<FunctionApp>;

/** The parts of a message function, each loaded when it is asked for. */
export interface LateParts {
  /** Makes a new database session ready for a first message. */
  prepare(): Promise<(pool: DatabasePool, session: FreshSession, runtime: FunctionRuntime) => Promise<void>>;
  app(): Promise<CreateMessageApp>;
}

/**
 * Loads a function that starts because of a message. A database session takes as long to make as our own parts to load, most
 * of it elsewhere. So it comes first, and the parts are loaded in steps: between two of them the event loop turns, and what
 * the server said is answered.
 */
export const loadBehindSession = async (runtime: FunctionRuntime, parts: LateParts): Promise<FunctionApp> => {
  const { openFunctionPool } = await import('./function-pool.ts');
  const pool = openFunctionPool(runtime);
  pool.warm(async (session) => (await parts.prepare())(pool, session, runtime));
  await nextTurn();
  for (const load of shared) {
    await load();
    await nextTurn();
  }
  const create = await parts.app();
  await nextTurn();
  return create(runtime, pool);
};

/** What every message function needs, the heaviest first. */
const shared: readonly (() => Promise<unknown>)[] = [
  () => import('../telemetry/start-telemetry.ts'),
  () => import('../config/read-routing.ts'),
];

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
