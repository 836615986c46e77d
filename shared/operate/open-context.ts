import { settingSource, type FunctionConfig } from '../config/function-config.ts';
import { createGateway } from './gateway.ts';
import type { ManageContext } from './manage-context.ts';
import { readManageSettings } from './manage-settings.ts';
import { createTraceSource } from './trace-source.ts';

/** What a process brings to the commands: its settings and its servers. */
export type ManageServers = Pick<ManageContext, 'routing' | 'bus' | 'pool' | 'actor' | 'nowMs' | 'onError'> & {
  readonly config: FunctionConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** What the commands work with. @throws ConfigError naming every fault of the settings that only they have */
export const openContext = ({ config, env, ...servers }: ManageServers): ManageContext => {
  const {
    gatewayUrl,
    gatewayUser: user,
    gatewayPassword: password,
    jaegerUrl,
    traceStoreUrl,
    prometheusUrl,
  } = readManageSettings(settingSource(env));
  return {
    ...servers,
    manageTopic: config.manageTopic,
    token: config.functionToken,
    ledgerRetentionHours: config.ledgerRetentionHours,
    gateway: gatewayUrl === undefined ? undefined : createGateway({ url: gatewayUrl, user, password }),
    jaegerUrl,
    traces: traceStoreUrl === undefined ? undefined : createTraceSource(traceStoreUrl),
    prometheusUrl,
  };
};
