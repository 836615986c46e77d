import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { settingSource, type FunctionConfig } from '../../../shared/config/function-config.ts';
import { ConfigError, secretFileName } from '../../../shared/config/settings.ts';
import { readNatsSettings } from '../../../shared/config/nats-settings.ts';
import type { Routing } from '../../../shared/routing/routing.ts';
import type { Store } from '../open-store.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** What the other checks need; undefined if it has faults of its own. */
export interface Configuration {
  readonly findings: readonly Finding[];
  readonly config: FunctionConfig | undefined;
  readonly routing: Routing | undefined;
}

/** Settings, secret files, the routing file, and whether their numbers go together. */
export const checkConfiguration = async (store: Store): Promise<Configuration> => {
  const findings: Finding[] = [];
  const others = await store.namesOfOthers();
  if (others.length > 0) {
    const what = `${others.join(', ')} of the environment ${others.length === 1 ? 'names' : 'name'} another server than the running npm start has: nothing of that npm start is looked at`;
    findings.push(
      warn('configuration', 'start_not_used', what, `unset ${others.join(' ')}, if it is npm start that you mean`),
    );
  }
  let config: FunctionConfig | undefined;
  let routing: Routing | undefined;
  try {
    config = await store.config();
    findings.push(ok('configuration', 'settings_valid', 'every setting is valid'));
    findings.push(...unusedSettings(await store.environment()));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    findings.push(...faultFindings('configuration', error.faults, 'correct the variable, or its secret file'));
  }
  findings.push(...(await checkSecrets(store)));
  if (config === undefined) return { findings, config, routing };
  try {
    routing = await store.routing();
    findings.push(
      ok(
        'routing',
        'routing_valid',
        `${config.routingFile}: ${routing.routes.size} routes, ${routing.triggers.length} triggers`,
      ),
    );
    for (const reason of routing.warnings) {
      findings.push(
        warn('routing', 'routing_not_used', `the routing file: ${reason}`, `nothing, or correct ${config.routingFile}`),
      );
    }
    findings.push(...checkFit(config, routing));
  } catch (error) {
    const faults = (error as { readonly faults?: readonly string[] }).faults;
    if (faults === undefined) throw error;
    findings.push(
      ...faultFindings(
        'routing',
        faults.map((fault) => `the routing file ${fault}`),
        `correct ${config.routingFile}, or set ROUTING_FILE`,
      ),
    );
  }
  return { findings, config, routing };
};

/** Values that are understood and not used, such as the URL of a broker of the days before NATS. */
const unusedSettings = (env: Readonly<Record<string, string | undefined>>): readonly Finding[] => {
  const reasons: string[] = [];
  readNatsSettings(settingSource(env, (reason) => reasons.push(reason)));
  return reasons.map((reason) =>
    warn('configuration', 'setting_not_used', reason, `unset ${reason.split(' ', 1)[0]!}, or name a NATS server`),
  );
};

const faultFindings = (check: string, faults: readonly string[], fix: string): readonly Finding[] =>
  faults.map((fault) => fail(check, `${check}_fault`, fault, fix));

/** What holds if the setting is absent; of the others nothing is said then. */
const secretFallbacks: Readonly<Record<string, string>> = {
  DATABASE_URL: 'the default of a local installation is used',
  MSG_URL: 'each route’s own url is used',
  FUNCTION_TOKEN: 'whoever reaches a function may call it, replays are not signed, commands over NATS are off',
};

const secretNames: readonly string[] = [
  ...Object.keys(secretFallbacks),
  ...['PASSWORD', 'TOKEN', 'NKEY', 'CREDS', 'JWT', 'SEED', 'KEY'].map((name) => `NATS_${name}`),
];

const checkSecrets = async (store: Store): Promise<readonly Finding[]> => {
  const env = await store.environment();
  const { secretsDir } = settingSource(env);
  const findings: Finding[] = [];
  let files: readonly string[] = [];
  try {
    files = readdirSync(secretsDir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT') {
      findings.push(
        fail('secrets', 'secrets_unreadable', `${secretsDir} cannot be read (${code})`, `chmod u+rx ${secretsDir}`),
      );
    }
  }
  for (const name of secretNames) {
    const file = secretFileName(name);
    const isStarted = await store.isStarted(name);
    const given = isStarted ? 'a running npm start' : 'the environment';
    const source = env[name] ? given : files.includes(file) ? join(secretsDir, file) : undefined;
    if (source === undefined) {
      const fallback = name === 'MSG_URL' && env['NATS_URL'] ? undefined : secretFallbacks[name];
      if (fallback === undefined) continue;
      findings.push(
        warn(
          'secrets',
          'secret_missing',
          `${name} is not set: ${fallback}`,
          `export ${name}=... or write ${join(secretsDir, file)}`,
        ),
      );
      continue;
    }
    if (source !== given && (statSync(source).mode & 0o004) !== 0) {
      findings.push(
        warn('secrets', 'secret_world_readable', `everybody on this machine can read ${source}`, `chmod 640 ${source}`),
      );
    }
    findings.push(ok('secrets', 'secret_found', `${name} comes from ${source}`));
  }
  return findings;
};

/** Deadlines and sizes that have to fit into one another. */
const checkFit = (config: FunctionConfig, routing: Routing): readonly Finding[] => {
  const findings: Finding[] = [];
  for (const trigger of routing.triggers) {
    const { requestTimeoutMs, maxBatchBytes } = trigger.limits;
    const route = routing.routes.get(trigger.selector);
    const name = `trigger ${trigger.selector} -> ${trigger.function}`;
    if (config.deadlineMs >= requestTimeoutMs) {
      findings.push(
        fail(
          'deadlines',
          'deadline_too_long',
          `${name}: the function's deadline (${config.deadlineMs} ms) is not below the request's timeout (${requestTimeoutMs} ms): late answers are lost`,
          `set FUNCTION_DEADLINE_MS below ${requestTimeoutMs}, or raise limits.requestTimeoutMs in ${config.routingFile}`,
        ),
      );
    }
    if (route !== undefined && requestTimeoutMs >= route.ackWaitSeconds * 1_000) {
      findings.push(
        warn(
          'deadlines',
          'ack_wait_too_short',
          `${name}: ack_wait (${route.ackWaitSeconds} s) is not above the request's timeout: it lasts only as long as the connector keeps its messages alive`,
          `set ack_wait of ${route.selector} above ${requestTimeoutMs / 1_000} in ${config.routingFile}`,
        ),
      );
    }
    if (maxBatchBytes > config.maxBodyBytes) {
      findings.push(
        fail(
          'payload',
          'body_limit_too_small',
          `${name}: a batch may have ${kib(maxBatchBytes)}, the function takes ${kib(config.maxBodyBytes)}: full batches are refused`,
          `set MAX_BODY_BYTES to at least ${maxBatchBytes * 2}, or limits.maxBatchBytes lower in ${config.routingFile}`,
        ),
      );
    }
  }
  return findings.length > 0 ? findings : [ok('deadlines', 'limits_fit', 'deadlines and sizes fit into one another')];
};

const kib = (bytes: number): string => `${Math.round(bytes / 1_024)} KiB`;
