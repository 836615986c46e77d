import { readNatsSettings } from '../../shared/config/nats-settings.ts';
import {
  integer,
  oneOf,
  optionalText,
  readBoth,
  readSettings,
  text,
  url,
  type Setting,
  type SettingSource,
} from '../../shared/config/settings.ts';

/** A URL with `{name}` where the function's name goes. */
const optionalUrlTemplate = (name: string): Setting<string | undefined> => ({
  name,
  fallback: undefined,
  parse: (value) =>
    value.includes('{name}') && /^https?:$/.test(URL.parse(value.replaceAll('{name}', 'x'))?.protocol ?? '')
      ? { value }
      : { fault: 'must be an http or https URL that holds {name}' },
});

const connectorSettings = {
  manageTopic: text('MSG_MANAGE_TOPIC', 'ism_state_sync_store_manage'),
  routingFile: text('ROUTING_FILE', '.routing.yaml'),
  gatewayUrl: url('GATEWAY_URL', 'http://127.0.0.1:8080', ['http', 'https']),
  functionUrlTemplate: optionalUrlTemplate('FUNCTION_URL_TEMPLATE'),
  functionToken: optionalText('FUNCTION_TOKEN'),
  port: integer('PORT', 8081, { min: 0, max: 65_535 }),
  host: text('HOST', '0.0.0.0'),
  logLevel: oneOf('LOG_LEVEL', 'INFO', ['DEBUG', 'INFO', 'WARNING', 'ERROR']),
  leaseMs: integer('LEASE_MS', 3_000, { min: 1_000, max: 60_000 }),
  drainMs: integer('DRAIN_MS', 20_000, { min: 0, max: 600_000 }),
  otlpEndpoint: optionalText('OTEL_EXPORTER_OTLP_ENDPOINT'),
} as const;

/**
 * Reads the settings of the connector.
 * @throws ConfigError naming every fault at once.
 */
export const readConnectorConfig = (source: SettingSource) => {
  const [settings, nats] = readBoth(
    () => readSettings(connectorSettings, source),
    () => readNatsSettings(source),
  );
  return Object.freeze({ ...settings, nats });
};
