import { tmpdir } from 'node:os';

import { readConnectorConfig } from '../../infra/connector/connector-config.ts';
import { readLocalSettings } from '../../infra/local/local-settings.ts';
import { readFunctionConfig } from '../../shared/config/function-config.ts';
import type { SettingSource } from '../../shared/config/settings.ts';
import { readManageSettings } from '../../shared/operate/manage-settings.ts';

/** Reads settings from an empty environment that notes what it is asked for. */
const namesAskedFor = (read: (env: SettingSource['env']) => unknown): ReadonlySet<string> => {
  const names = new Set<string>();
  read(
    new Proxy<Record<string, string | undefined>>(
      {},
      {
        get: (_env, name) => {
          names.add(String(name));
          return undefined;
        },
      },
    ),
  );
  names.delete('SECRETS_DIR');
  return names;
};

const secretsDir = `${tmpdir()}/no-secrets-here`;

/** The names of the settings that each part reads. */
export const settingNames = {
  functions: namesAskedFor((env) => readFunctionConfig({ env, secretsDir })),
  connector: namesAskedFor((env) => readConnectorConfig({ env, secretsDir })),
  manage: namesAskedFor((env) => readManageSettings({ env, secretsDir })),
  local: namesAskedFor((env) => readLocalSettings(env)),
} as const;
