/** One breach of the house's direction. */
export interface ImportBreach {
  readonly file: string;
  readonly imported: string;
  readonly rule: string;
}

/** A room: what it holds in a few words, whether it may do I/O, and which rooms it may import beside itself. */
export interface Room {
  readonly path: string;
  readonly holds: string;
  /** Pure rooms import no node built-in but crypto: a plan made in them is the same every time. */
  readonly isPure: boolean;
  /** Exactly the rooms that it imports: a permission that nobody uses is a breach too. */
  readonly mayImport: readonly string[];
}

const pure = (path: string, holds: string, mayImport: readonly string[]): Room => ({
  path,
  holds,
  isPure: true,
  mayImport,
});
const effectful = (path: string, holds: string, mayImport: readonly string[]): Room => ({
  path,
  holds,
  isPure: false,
  mayImport,
});

const shared = (...names: readonly string[]): readonly string[] => names.map((name) => `shared/${name}/`);

/** The house, from the ground up: a room imports only rooms above it in this list, and exactly the ones it names. */
export const rooms: readonly Room[] = [
  pure('shared/errors/', 'two families of errors, each with a stable code', []),
  pure('shared/unicode/', 'character classes of the reference’s Unicode version', []),
  pure('shared/json/', 'the lossless reader and the Python-compatible writer', shared('errors', 'unicode')),
  pure('shared/message/', 'envelopes, deliveries, outcomes, the outgoing message', shared('errors', 'json')),
  pure('shared/python/', 'the expression language of callable columns', shared('errors', 'unicode', 'json')),
  pure('shared/state/', 'one entry applied: names, flatten, keys, templates, cells, columns', [
    ...shared('errors', 'unicode', 'json', 'python'),
  ]),
  pure('shared/routing/', 'selectors, subjects, partition keys, forwards', [
    ...shared('errors', 'json', 'message', 'state'),
  ]),
  effectful('shared/process/', 'how work and processes end: time limits, signals', []),
  effectful('shared/config/', 'environment, secret files and the routing file to checked objects', shared('routing')),
  effectful('shared/telemetry/', 'spans, metrics, log lines', shared('json', 'message', 'process')),
  effectful('shared/http/', 'one small HTTP server', []),
  effectful('shared/postgres/', 'pool, statements, append, ledger', shared('errors', 'message', 'state', 'config')),
  effectful('shared/nats/', 'connect, streams, pipelined publish', [
    ...shared('errors', 'message', 'routing', 'process', 'config'),
  ]),
  effectful('shared/metadata/', 'routes, states and processors: the cache and the reads behind it', [
    ...shared('errors', 'json', 'message', 'state', 'postgres', 'telemetry'),
  ]),
  effectful('shared/function/', 'the runtime of every function: request, decode, process, reply', [
    ...shared('errors', 'message', 'state', 'routing', 'process', 'config', 'telemetry', 'http', 'postgres', 'nats'),
    ...shared('metadata'),
  ]),
  effectful('shared/store/', 'what state-direct and state-route share: load, plan, append, forward', [
    ...shared('errors', 'json', 'message', 'state', 'routing', 'postgres', 'metadata'),
    ...shared('function'),
  ]),
  effectful('shared/operate/', 'what the page and the command line both do', [
    ...shared('errors', 'json', 'message', 'routing', 'process', 'config', 'http', 'postgres', 'nats', 'metadata'),
  ]),
  effectful('functions/state-direct/', 'rows for the state that the message names', shared('function', 'store')),
  effectful('functions/state-route/', 'rows for the state behind the OUTPUT route', shared('function', 'store')),
  effectful('functions/state-entry/', 'passes entries on to the processor behind a route', [
    ...shared('errors', 'json', 'message', 'state', 'routing', 'postgres', 'metadata'),
    ...shared('function'),
  ]),
  pure('functions/manage/page/', 'the operator’s page, for a browser', shared('message', 'operate', 'postgres')),
  effectful('functions/manage/', 'commands; serves the operator’s page', [
    ...shared('message', 'telemetry', 'http', 'nats', 'function', 'operate'),
  ]),
  effectful('infra/postgres/', 'schema and migrations', shared('postgres')),
  effectful('infra/image/', 'bundles and the image', []),
  effectful('infra/connector/', 'JetStream to HTTP', [
    ...shared('errors', 'json', 'message', 'routing', 'process', 'config', 'telemetry', 'http', 'nats'),
  ]),
  effectful('infra/local/', 'what `npm start` runs', [
    ...shared('routing', 'config', 'telemetry', 'postgres', 'nats'),
    'infra/postgres/',
    'infra/image/',
  ]),
  effectful('infra/cli/', 'the command line', [
    ...shared(
      'errors',
      'json',
      'message',
      'state',
      'routing',
      'config',
      'telemetry',
      'postgres',
      'nats',
      'metadata',
      'function',
      'store',
      'operate',
    ),
    'infra/postgres/',
    'infra/local/',
  ]),
];

/** Packages that only one room may know. */
const packageOwners: ReadonlyArray<readonly [name: string, owners: readonly string[]]> = [
  ['nats', ['shared/nats/', 'infra/local/demo/', 'test/']],
  ['@neondatabase/serverless', ['shared/postgres/', 'test/']],
  ['pg', ['test/']],
  ['@opentelemetry/', ['shared/telemetry/', 'test/']],
  ['yaml', ['shared/routing/', 'test/']],
  ['undici', ['infra/connector/', 'test/']],
  ['@lezer/', ['shared/python/', 'test/']],
  ['preact', ['functions/manage/page/']],
  ['uplot', ['functions/manage/page/']],
  ['@dagrejs/', ['functions/manage/page/']],
  ['esbuild', ['infra/image/', 'test/']],
];

/** Rooms that only one file outside of them may know: their port. */
const ports: ReadonlyArray<readonly [room: string, port: string]> = [['shared/python/', 'shared/state/evaluator.ts']];

const owns = (owners: readonly string[], file: string): boolean => owners.some((owner) => file.startsWith(owner));

/** The room of a file, by its path from the project's root. */
export const roomOf = (file: string): Room | undefined => rooms.find(({ path }) => file.startsWith(path));

const breachOfPackage = (file: string, imported: string): string | undefined => {
  for (const [name, owners] of packageOwners) {
    const matches = name.endsWith('/')
      ? imported.startsWith(name)
      : imported === name || imported.startsWith(`${name}/`);
    if (matches && !owns(owners, file)) return `only ${owners.join(', ')} import ${name}`;
  }
  return undefined;
};

/**
 * What is wrong with one import, or undefined.
 * @param file importing file, from the project's root
 * @param imported a path from the root for relative imports, else the module's name
 */
export const breachOf = (file: string, imported: string): string | undefined => {
  const room = roomOf(file);
  if (imported.startsWith('node:')) {
    const isForbidden = room?.isPure === true && imported !== 'node:crypto';
    return isForbidden ? 'a pure room imports no node built-in but crypto' : undefined;
  }
  const ownPackage = breachOfPackage(file, imported);
  if (ownPackage !== undefined) return ownPackage;
  const port = ports.find(([path]) => imported.startsWith(path) && !file.startsWith(path) && !file.startsWith('test/'));
  if (port !== undefined && file !== port[1]) return `only ${port[1]} imports ${port[0]}`;
  const isLocal = /^(functions|shared|infra|test|\.config)\//.test(imported);
  if (!isLocal || file.startsWith('test/') || file.startsWith('.config/')) return undefined;
  if (imported.startsWith('test/')) return 'nothing outside test/ imports a test';
  if (room === undefined) return 'the file is in no room: .config/import-rules.ts lists them';
  if (imported.startsWith(room.path) || owns(room.mayImport, imported)) return undefined;
  return `${room.path} may import ${room.mayImport.join(', ') || 'no other room'}`;
};
