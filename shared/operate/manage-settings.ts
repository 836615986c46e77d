import { optionalText, readSettings, url, type SettingSource } from '../config/settings.ts';

const manageSettings = {
  gatewayUrl: url('GATEWAY_URL', '', ['http', 'https']),
  gatewayUser: optionalText('GATEWAY_USER'),
  /** Secret `gateway-password`: OpenFaaS asks for it at `/system`. */
  gatewayPassword: optionalText('GATEWAY_PASSWORD'),
  jaegerUrl: url('JAEGER_UI_URL', '', ['http', 'https']),
  /** Where this process reaches it; default: the address for people. */
  jaegerQueryUrl: url('JAEGER_QUERY_URL', '', ['http', 'https']),
  prometheusUrl: url('PROMETHEUS_URL', '', ['http', 'https']),
} as const;

export interface ManageSettings {
  readonly gatewayUrl: string | undefined;
  readonly gatewayUser: string | undefined;
  readonly gatewayPassword: string | undefined;
  readonly jaegerUrl: string | undefined;
  /** Where traces are asked for: Jaeger's query API. */
  readonly traceStoreUrl: string | undefined;
  readonly prometheusUrl: string | undefined;
}

/**
 * The settings that only `manage` and the command line have.
 * @throws ConfigError naming every fault at once
 */
export const readManageSettings = (source: SettingSource): ManageSettings => {
  const { jaegerQueryUrl, ...settings } = readSettings(manageSettings, source);
  const given = (value: string): string | undefined => (value === '' ? undefined : value);
  return {
    ...settings,
    gatewayUrl: given(settings.gatewayUrl),
    jaegerUrl: given(settings.jaegerUrl),
    traceStoreUrl: given(jaegerQueryUrl) ?? given(settings.jaegerUrl),
    prometheusUrl: given(settings.prometheusUrl),
  };
};
