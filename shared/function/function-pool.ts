import { errorFields } from '../telemetry/log.ts';
import type { DatabasePool } from '../postgres/database.ts';
import { openPool } from './open-servers.ts';
import type { FunctionRuntime } from './run-function.ts';

/** Of the time in which a request is answered: 35 s by default. */
const statementShare = 0.7;
const maxConnectMs = 5_000;

/** The pool of a message function; nothing connects before it is asked. */
export const openFunctionPool = ({ config, log, env, name }: FunctionRuntime): DatabasePool => {
  return openPool(config, env, {
    // A statement whose answer is lost must not keep its connection for longer than anybody waits for it.
    queryTimeoutMs: Math.floor(config.deadlineMs * statementShare),
    connectTimeoutMs: Math.min(maxConnectMs, Math.floor(config.deadlineMs / 2)),
    maxConnectTimeoutMs: Math.floor(config.deadlineMs / 2),
    // What the statement leaves of the deadline, less the time of an answer.
    waitTimeoutMs: Math.floor(config.deadlineMs * (1 - statementShare) * 0.9),
    applicationName: name,
    onNote: (reason) => log.warn('database_setting', { reason }),
    onError: (error) => log.warn('database_connection_lost', errorFields(error)),
  });
};
