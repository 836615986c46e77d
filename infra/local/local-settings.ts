import { connectionString } from '../../shared/config/connection-string.ts';
import { settingSource } from '../../shared/config/function-config.ts';
import { readNatsSettings } from '../../shared/config/nats-settings.ts';
import { integer, oneOf, optionalText, readBoth, readSettings } from '../../shared/config/settings.ts';

const localSettings = {
  /** Used instead of the embedded servers if set. */
  databaseUrl: connectionString('DATABASE_URL', ''),
  routingFile: optionalText('ROUTING_FILE'),
  functionToken: optionalText('FUNCTION_TOKEN'),
  otlpEndpoint: optionalText('OTEL_EXPORTER_OTLP_ENDPOINT'),
  jaegerUrl: optionalText('JAEGER_UI_URL'),
  cacheDir: optionalText('CACHE_DIR'),
  logLevel: oneOf('LOG_LEVEL', 'WARNING', ['DEBUG', 'INFO', 'WARNING', 'ERROR']),
  cacheTtlSeconds: integer('CACHE_TTL_SECONDS', 10, { min: 0, max: 86_400 }),
  gatewayPort: integer('GATEWAY_PORT', 8080, { min: 0, max: 65_535 }),
  functionIdleMs: integer('FUNCTION_IDLE_MS', 30_000, { min: 1, max: 86_400_000 }),
} as const;

/** What `npm start` reads from its environment, checked. */
export type LocalSettings = ReturnType<typeof readLocalSettings>;

/**
 * Reads the settings of `npm start`.
 * @throws ConfigError naming every fault at once.
 */
export const readLocalSettings = (env: NodeJS.ProcessEnv) => {
  const source = settingSource(env);
  const [settings, nats] = readBoth(
    () => readSettings(localSettings, source),
    () => readNatsSettings(source),
  );
  return { ...settings, nats };
};
