import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** What a context of the `nats` tool says, by the names of our settings. */
export interface NatsContext {
  readonly values: Readonly<Record<string, string>>;
  readonly faults: readonly string[];
}

/** The fields of a context file and the setting that each stands for. */
const fields: Readonly<Record<string, string>> = {
  url: 'NATS_URL',
  token: 'NATS_TOKEN',
  user: 'NATS_USER',
  password: 'NATS_PASSWORD',
  creds: 'NATS_CREDS',
  nkey: 'NATS_NKEY',
  user_jwt: 'NATS_JWT',
  user_seed: 'NATS_SEED',
  cert: 'NATS_CERT',
  key: 'NATS_KEY',
  ca: 'NATS_CA',
  tls_first: 'NATS_TLS_FIRST',
  inbox_prefix: 'NATS_INBOX_PREFIX',
  jetstream_domain: 'NATS_JS_DOMAIN',
  jetstream_api_prefix: 'NATS_JS_API_PREFIX',
  jetstream_event_prefix: 'NATS_JS_EVENT_PREFIX',
};

/** Fields that change how to connect and that we cannot follow. */
const refused: Readonly<Record<string, string>> = {
  nsc: 'asks the nsc tool: write its credentials to a file (nsc generate creds) and name it in `creds`',
  socks_proxy: 'is not supported',
  windows_cert_store: 'is not supported: name files in `cert` and `key`',
  windows_cert_match: 'is not supported: name files in `cert` and `key`',
  windows_cert_match_by: 'is not supported: name files in `cert` and `key`',
  windows_ca_certs_match: 'is not supported: name a file in `ca`',
};

/** Reads the context of that name from the folder in which the `nats` tool keeps them, or the one at that path (a secret file). */
export const readNatsContext = (name: string, env: Readonly<Record<string, string | undefined>>): NatsContext => {
  if (!isAbsolute(name) && /[/\\]|\.\./.test(name)) {
    return { values: {}, faults: ['NATS_CONTEXT must be the name of a context or the absolute path of its file'] };
  }
  const folder = join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'nats', 'context');
  const path = isAbsolute(name) ? name : join(folder, `${name}.json`);
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'it is not JSON';
    return { values: {}, faults: [`NATS_CONTEXT: ${path} cannot be read (${reason})`] };
  }
  const values: Record<string, string> = {};
  const faults: string[] = [];
  for (const [key, value] of Object.entries((content ?? {}) as Record<string, unknown>)) {
    if (value === '' || value === false || value === null || (Array.isArray(value) && value.length === 0)) continue;
    const setting = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (setting !== undefined) values[setting] = typeof value === 'string' ? value : JSON.stringify(value);
    else if (Object.hasOwn(refused, key)) faults.push(`NATS_CONTEXT: the context's ${key} ${refused[key]!}`);
  }
  return { values, faults };
};
