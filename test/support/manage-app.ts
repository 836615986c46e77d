import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createManage } from '../../functions/manage/manage.ts';
import { buildPage } from '../../infra/image/build-page.ts';
import { readFunctionConfig } from '../../shared/config/function-config.ts';
import type { HttpReply, HttpStream } from '../../shared/http/http-server.ts';
import type { FunctionApp } from '../../shared/function/run-function.ts';
import { createLog } from '../../shared/telemetry/log.ts';

/** A routing file with one route that is read and one that is not; all on the given server. */
export const testRoutingText = (natsUrl: string): string => `
messageConfig:
  routes:
    - { selector: processor/state/sync, name: processor_state_sync, url: "${natsUrl}", subject: processor.state.sync }
    - { selector: processor/state/router, name: processor_state_router, url: "${natsUrl}", subject: processor.state.router }
    - { selector: processor/monitor, name: processor_monitor, url: "${natsUrl}", subject: processor.monitor }
`;

export interface ManageApp {
  readonly app: FunctionApp;
  readonly routingFile: string;
  readonly logLines: readonly string[];
  /** Posts a command with the token; the parsed answer. */
  command(
    fields: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly status: number; readonly body: CommandAnswer }>;
  /** The result of a command that must succeed. */
  result<T>(fields: Readonly<Record<string, unknown>>): Promise<T>;
  request(request: {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }): Promise<HttpReply | HttpStream>;
  close(): Promise<void>;
}

export interface CommandAnswer {
  readonly ok?: boolean;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly reason: string };
}

/** The shared token of the functions under test. */
export const testToken = 'a token for tests';

/** The `manage` function in this process, on real servers. */
export const startManageApp = async (options: {
  readonly natsUrl: string;
  readonly databaseUrl: string;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<ManageApp> => {
  const folder = await mkdtemp(join(tmpdir(), 'manage-'));
  const routingFile = join(folder, 'routing.yaml');
  await writeFile(routingFile, testRoutingText(options.natsUrl));
  const env = {
    MSG_URL: options.natsUrl,
    DATABASE_URL: options.databaseUrl,
    ROUTING_FILE: routingFile,
    FUNCTION_TOKEN: testToken,
    OTEL_TRACES_EXPORTER: 'none',
    ...options.env,
  };
  const logLines: string[] = [];
  const app = await createManage(
    {
      name: 'manage',
      config: readFunctionConfig({ env, secretsDir: folder }),
      log: createLog({ service: 'manage', level: 'INFO', write: (line) => logLines.push(line), nowMs: Date.now }),
      env: { ...env, SECRETS_DIR: folder },
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
    },
    buildPage,
  );
  const request: ManageApp['request'] = ({ method = 'POST', path = '/', headers = {}, body = '' }) =>
    app.handle({
      method,
      path,
      query: '',
      headers: { authorization: `Bearer ${testToken}`, ...headers },
      body: Buffer.from(body),
    });
  const command: ManageApp['command'] = async (fields) => {
    const reply = await request({ body: JSON.stringify(fields) });
    if (!('body' in reply)) throw new Error('a stream where an answer was expected');
    return { status: reply.status, body: JSON.parse(String(reply.body)) as CommandAnswer };
  };
  return {
    app,
    routingFile,
    logLines,
    request,
    command,
    result: async <T>(fields: Readonly<Record<string, unknown>>): Promise<T> => {
      const { status, body } = await command(fields);
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
      return body.result as T;
    },
    close: async () => {
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
