import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { withFolderLock } from '../../infra/local/nats-binary.ts';
import { startPostgres } from '../../infra/local/postgres-server.ts';
import { findServerUser } from '../../infra/local/system-user.ts';
import { migrate } from '../../infra/postgres/migrate.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const cacheDir = path.join(root, '.cache/test-databases');
const quiet = (): void => undefined;

/** Who owns the databases of a data folder that was copied. */
export interface TemplateAccount {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const user = 'tester';
const database = 'test';

/**
 * Copies the data folder of a server that was stopped, with an empty database or with the tables and the ledger in it. It is made
 * once per clone and again when what it is made of changes: initdb and the migrations take ten times as long as the copy.
 */
export const copyDatabaseTemplate = async (dataDir: string, isMigrated: boolean): Promise<TemplateAccount> => {
  const folder = path.join(cacheDir, `${isMigrated ? 'migrated' : 'empty'}-${await digestOfSources()}`);
  if (!(await exists(folder))) {
    await withFolderLock(folder, async () => {
      if (!(await exists(folder))) await make(folder, isMigrated);
    });
  }
  // Its owner is the server's user, which `-p` keeps.
  await run('cp', ['-Rp', path.join(folder, 'data'), dataDir]);
  return { user, password: await readFile(path.join(folder, 'password'), 'utf8'), database };
};

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** Of all that says what is in a data folder: the server's version and user, initdb's settings, the migrations. */
const digestOfSources = async (): Promise<string> => {
  const digest = createHash('sha256');
  const migrations = await readdir(path.join(root, 'infra/postgres'));
  const sources = [
    'package-lock.json',
    'infra/local/postgres-data.ts',
    ...migrations.filter((name) => /\.(sql|ts)$/.test(name)).map((name) => `infra/postgres/${name}`),
  ];
  for (const source of sources.toSorted()) digest.update(await readFile(path.join(root, source)));
  digest.update(JSON.stringify([process.platform, process.arch, (await findServerUser(quiet))?.uid ?? null]));
  return digest.digest('hex').slice(0, 16);
};

const make = async (folder: string, isMigrated: boolean): Promise<void> => {
  // Not the user's temporary folder: the server's own user must be able to enter it.
  const workshop = await mkdtemp('/var/tmp/state-sync-template-');
  const partial = `${folder}.${process.pid}`;
  try {
    await chmod(workshop, 0o755);
    const dataDir = path.join(workshop, 'data');
    const password = `p@ss/${randomUUID()}`;
    const server = await startPostgres({ dataDir, user, password, database, args: ['-c', 'fsync=off'], onLog: quiet });
    try {
      if (isMigrated) await migrate(server.url);
    } finally {
      await server.stop();
    }
    await mkdir(partial, { recursive: true, mode: 0o700 });
    await run('cp', ['-Rp', dataDir, path.join(partial, 'data')]);
    await writeFile(path.join(partial, 'password'), password, { mode: 0o600 });
    await rename(partial, folder);
  } finally {
    await rm(workshop, { recursive: true, force: true });
    await rm(partial, { recursive: true, force: true });
  }
};
