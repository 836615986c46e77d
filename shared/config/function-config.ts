import { connectionString } from './connection-string.ts';
import { readNatsSettings } from './nats-settings.ts';
import { integer, oneOf, optionalText, readBoth, readSettings, text, type SettingSource } from './settings.ts';

/** The settings of every function; names and defaults as in reference.md A.1 if they make sense for NATS. */
const functionSettings = {
  port: integer('PORT', 8080, { min: 0, max: 65_535 }),
  host: text('HOST', '0.0.0.0'),
  databaseUrl: connectionString('DATABASE_URL', 'postgresql://postgres:postgres1@localhost:5432/postgres'),
  topic: text('MSG_TOPIC', 'ism_state_sync_store'),
  manageTopic: text('MSG_MANAGE_TOPIC', 'ism_state_sync_store_manage'),
  subscription: text('MSG_TOPIC_SUBSCRIPTION', 'ism_state_sync_store_subscription'),
  routingFile: text('ROUTING_FILE', '.routing.yaml'),
  logLevel: oneOf('LOG_LEVEL', 'INFO', ['DEBUG', 'INFO', 'WARNING', 'ERROR']),
  functionToken: optionalText('FUNCTION_TOKEN'),
  cacheTtlSeconds: integer('CACHE_TTL_SECONDS', 10, { min: 0, max: 86_400 }),
  cacheMaxEntries: integer('CACHE_MAX_ENTRIES', 10_000, { min: 1, max: 10_000_000 }),
  maxBodyBytes: integer('MAX_BODY_BYTES', 8 * 1024 * 1024, { min: 1_024, max: 1024 * 1024 * 1024 }),
  maxBufferedBytes: integer('MAX_BUFFERED_BYTES', 64 * 1024 * 1024, { min: 65_536, max: 16 * 1024 * 1024 * 1024 }),
  maxExpandedBytes: integer('MAX_MESSAGE_EXPANDED_BYTES', 64 * 1024 * 1024, { min: 65_536, max: 1024 * 1024 * 1024 }),
  maxStateColumns: integer('MAX_STATE_COLUMNS', 1_000, { min: 1, max: 100_000 }),
  maxConnections: integer('MAX_DB_CONNECTIONS', 2, { min: 1, max: 100 }),
  flatten: oneOf('STATE_SYNC_FLATTEN', 'lossless', ['lossless', 'reference']),
  keyOrder: oneOf('STATE_SYNC_KEY_ORDER', 'id', ['id', 'name']),
  tableSchema: optionalText('STATE_SYNC_TABLE_SCHEMA'),
  ledgerSchema: text('STATE_SYNC_SCHEMA', 'state_sync'),
  ledgerRetentionHours: integer('STATE_SYNC_LEDGER_HOURS', 168, { min: 1, max: 87_600 }),
  deadlineMs: integer('FUNCTION_DEADLINE_MS', 50_000, { min: 100, max: 3_600_000 }),
  drainMs: integer('DRAIN_MS', 20_000, { min: 0, max: 600_000 }),
  otlpEndpoint: optionalText('OTEL_EXPORTER_OTLP_ENDPOINT'),
} as const;

/** One checked, frozen object; functions/README.md has the table of settings. */
export type FunctionConfig = ReturnType<typeof readFunctionConfig>;

/**
 * Reads the settings of a function.
 * @throws ConfigError naming every fault at once.
 */
export const readFunctionConfig = (source: SettingSource) => {
  const [settings, nats] = readBoth(
    () => readSettings(functionSettings, source),
    () => readNatsSettings(source),
  );
  return Object.freeze({ ...settings, nats });
};

/**
 * The environment, and the folder of secret files, itself a setting so that tests and `npm start` can point elsewhere.
 * @param warn is told of values that are understood and not used
 */
export const settingSource = (
  env: Readonly<Record<string, string | undefined>>,
  warn?: (warning: string) => void,
): SettingSource => ({ env, secretsDir: env['SECRETS_DIR'] || '/var/openfaas/secrets', warn });
