/** One breach of the house's direction (README, architecture). */
export interface ImportBreach {
  readonly file: string;
  readonly imported: string;
  readonly rule: string;
}

/** Rooms without I/O: a plan made in them is the same every time. */
const pureRooms = ['shared/json/', 'shared/message/', 'shared/state/', 'shared/routing/', 'shared/errors/'];

/** The one file of a pure room that reads: the routing file. */
const readingFiles = new Set(['shared/routing/read-routing.ts']);

/** Which rooms each room may import, beside itself; what is not listed may be imported from anywhere below. */
const allowed: ReadonlyArray<readonly [room: string, mayImport: readonly string[]]> = [
  ['shared/json/', ['shared/errors/']],
  ['shared/errors/', ['shared/message/outcome.ts']],
  ['shared/message/', ['shared/json/', 'shared/errors/', 'shared/routing/']],
  ['shared/state/', ['shared/json/', 'shared/errors/', 'shared/message/']],
  [
    'shared/routing/',
    ['shared/json/', 'shared/errors/', 'shared/message/', 'shared/state/', 'shared/nats/publisher.ts'],
  ],
  ['shared/config/', []],
  ['shared/telemetry/', ['shared/message/', 'shared/errors/', 'shared/json/', 'shared/nats/publisher.ts']],
  ['shared/postgres/', ['shared/state/', 'shared/json/', 'shared/errors/', 'shared/message/']],
  ['shared/nats/', ['shared/errors/', 'shared/message/', 'shared/routing/', 'shared/config/']],
  ['shared/http/', ['shared/config/', 'shared/telemetry/', 'shared/message/', 'shared/errors/']],
  [
    'shared/store/',
    [
      'shared/json/',
      'shared/errors/',
      'shared/message/',
      'shared/state/',
      'shared/routing/',
      'shared/postgres/',
      'shared/nats/',
      'shared/telemetry/',
      'shared/config/',
      'shared/http/',
    ],
  ],
  ['infra/connector/', ['shared/']],
];

/** Packages that only one room may know. */
const packageOwners: ReadonlyArray<readonly [name: string, owners: readonly string[]]> = [
  ['nats', ['shared/nats/', 'infra/local/demo/', 'test/']],
  ['@neondatabase/serverless', ['shared/postgres/', 'test/']],
  ['pg', ['test/']],
  ['@opentelemetry/', ['shared/telemetry/', 'test/']],
  ['yaml', ['shared/routing/', 'test/']],
  ['undici', ['infra/connector/', 'test/']],
  ['@lezer/', ['shared/state/expression/', 'test/']],
];

const roomOf = (file: string): string => file.split('/').slice(0, 2).join('/') + '/';

const owns = (owners: readonly string[], file: string): boolean => owners.some((owner) => file.startsWith(owner));

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
  const pure = pureRooms.some((room) => file.startsWith(room)) && !readingFiles.has(file);
  if (imported.startsWith('node:')) {
    return pure && imported !== 'node:crypto' ? 'a pure room imports no node built-in but crypto' : undefined;
  }
  const ownPackage = breachOfPackage(file, imported);
  if (ownPackage !== undefined) return ownPackage;
  const local = /^(functions|shared|infra|test|\.config)\//.test(imported);
  if (!local || file.startsWith('test/')) return undefined;
  if (imported.startsWith('test/')) return 'nothing outside test/ imports a test';
  if (file.startsWith('shared/') && !imported.startsWith('shared/')) return 'shared/ never imports what is built on it';
  if (file.startsWith('functions/') && imported.startsWith('infra/'))
    return 'a function does not know the infrastructure';
  if (file.startsWith('functions/') && imported.startsWith('functions/') && roomOf(file) !== roomOf(imported)) {
    return 'a function does not import another one';
  }
  const rule = allowed.find(([room]) => file.startsWith(room));
  if (file.startsWith('infra/connector/') && imported.startsWith('shared/postgres/')) {
    return 'the connector knows nothing of the database';
  }
  if (!rule || roomOf(file) === roomOf(imported) || owns(rule[1], imported)) return undefined;
  return `${rule[0]} may import ${rule[1].join(', ') || 'no other room'}`;
};
