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
  /** Rooms, or prefixes of rooms. */
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

/** The house, from the ground up: a room imports only rooms above it in this list. */
export const rooms: readonly Room[] = [
  pure('shared/errors/', 'two families of errors, each with a stable code', []),
  pure('shared/json/', 'the lossless reader and the Python-compatible writer', shared('errors')),
  pure('shared/message/', 'envelopes, deliveries, outcomes, the outgoing message', shared('errors', 'json')),
  pure('shared/python/', 'the expression language of callable columns', shared('errors', 'json')),
  pure('shared/state/', 'one entry applied: names, flatten, keys, templates, cells, columns', [
    ...shared('errors', 'json', 'message', 'python'),
  ]),
  pure('shared/routing/', 'routing file, selectors, subjects, partition keys, forwards', [
    ...shared('errors', 'json', 'message', 'python', 'state'),
  ]),
  effectful('shared/config/', 'environment and secret files to one checked object', []),
  effectful('shared/telemetry/', 'spans, metrics, log lines', shared('errors', 'json', 'message')),
  effectful('shared/http/', 'one small HTTP server', shared('errors', 'message', 'telemetry')),
  effectful('shared/postgres/', 'pool, statements, append, ledger', shared('errors', 'json', 'message', 'state')),
  effectful('shared/nats/', 'connect, streams, pipelined publish', shared('errors', 'message', 'routing', 'config')),
  effectful('shared/metadata/', 'routes, states and processors: the cache and the reads behind it', [
    ...shared('errors', 'json', 'message', 'state', 'postgres', 'telemetry'),
  ]),
  effectful('shared/function/', 'the runtime of every function: request, decode, process, reply', [
    ...shared('errors', 'json', 'message', 'python', 'state', 'routing', 'config', 'telemetry', 'http', 'postgres'),
    ...shared('nats', 'metadata'),
  ]),
  effectful('shared/store/', 'what state-direct and state-route share: load, plan, append, forward', [
    ...shared('errors', 'json', 'message', 'python', 'state', 'routing', 'telemetry', 'postgres', 'metadata'),
    ...shared('function'),
  ]),
  effectful('shared/operate/', 'what the page and the command line both do', [
    ...shared('errors', 'json', 'message', 'routing', 'config', 'http', 'postgres', 'nats', 'metadata'),
  ]),
  effectful('functions/state-direct/', 'rows for the state that the message names', ['shared/']),
  effectful('functions/state-route/', 'rows for the state behind the OUTPUT route', ['shared/']),
  effectful('functions/state-entry/', 'passes entries on to the processor behind a route', ['shared/']),
  effectful('functions/manage/', 'commands and the operator’s page', ['shared/']),
  effectful('infra/postgres/', 'schema and migrations', ['shared/postgres/']),
  effectful('infra/image/', 'bundles and the image', []),
  effectful('infra/connector/', 'JetStream to HTTP', [
    ...shared('errors', 'json', 'message', 'routing', 'config', 'telemetry', 'http', 'nats'),
  ]),
  effectful('infra/local/', 'what `npm start` runs', [
    ...shared('config', 'nats', 'postgres', 'routing', 'telemetry'),
    'infra/image/',
    'infra/postgres/',
  ]),
  effectful('infra/cli/', 'the command line', ['shared/', 'infra/local/', 'infra/postgres/']),
];

/** The one file of a pure room that reads: the routing file. */
const readingFiles: ReadonlySet<string> = new Set(['shared/routing/read-routing.ts']);

/** Packages that only one room may know. */
const packageOwners: ReadonlyArray<readonly [name: string, owners: readonly string[]]> = [
  ['nats', ['shared/nats/', 'infra/local/demo/', 'test/']],
  ['@neondatabase/serverless', ['shared/postgres/', 'test/']],
  ['pg', ['test/']],
  ['@opentelemetry/', ['shared/telemetry/', 'test/']],
  ['yaml', ['shared/routing/', 'test/']],
  ['undici', ['infra/connector/', 'test/']],
  ['@lezer/', ['shared/python/', 'test/']],
];

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
    const isForbidden = room?.isPure === true && !readingFiles.has(file) && imported !== 'node:crypto';
    return isForbidden ? 'a pure room imports no node built-in but crypto' : undefined;
  }
  const ownPackage = breachOfPackage(file, imported);
  if (ownPackage !== undefined) return ownPackage;
  const isLocal = /^(functions|shared|infra|test|\.config)\//.test(imported);
  if (!isLocal || file.startsWith('test/') || file.startsWith('.config/')) return undefined;
  if (imported.startsWith('test/')) return 'nothing outside test/ imports a test';
  if (room === undefined) return 'the file is in no room: .config/import-rules.ts lists them';
  if (imported.startsWith(room.path) || owns(room.mayImport, imported)) return undefined;
  return `${room.path} may import ${room.mayImport.join(', ') || 'no other room'}`;
};
