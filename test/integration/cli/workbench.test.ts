import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../../infra/cli/run-cli.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';

let database: TestDatabase;
let server: TestNatsServer;
let store: TestStore;
let folder: string;

const run = (...args: readonly string[]) => runStateSync(args, store.env);

const fileOf = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

beforeAll(async () => {
  [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
  store = await startTestStore({ natsUrl: server.url, databaseUrl: database.url });
  await store.startConnector();
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
});

afterAll(async () => {
  await store?.close();
  await Promise.all([server?.close(), database?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

describe('a state of one’s own', () => {
  it('has the rows that the ecosystem’s own package writes for one', async () => {
    const made = await run(
      'state',
      'create',
      'orders',
      '-k',
      'id',
      '-k',
      'day',
      '-c',
      'n:int',
      '-c',
      'source=web',
      '--json',
    );
    expect(made.exitCode).toBe(0);
    const { stateId } = made.json() as { readonly stateId: string };
    const read = (text: string) => database.pool.query(text, [stateId]);
    expect(await read('select project_id, count, state_type, properties from state where id = $1')).toEqual([
      { project_id: null, count: 0, state_type: 'StateConfig', properties: null },
    ]);
    expect(await read('select attribute, data from state_config where state_id = $1 order by 1')).toEqual([
      { attribute: 'name', data: 'orders' },
      { attribute: 'storage_class', data: 'database' },
    ]);
    const column = { required: true, callable: false, min_length: null, max_length: null, dimensions: null };
    expect(
      await read(
        `select name, data_type, required, callable, min_length, max_length, dimensions, value, source_column_name, display_order
           from state_column where state_id = $1 order by id`,
      ),
    ).toEqual([
      { ...column, name: 'n', data_type: 'int', value: null, source_column_name: null, display_order: 0 },
      { ...column, name: 'source', data_type: 'str', value: 'web', source_column_name: null, display_order: 1 },
    ]);
    expect(
      await read(
        'select name, alias, required, callable, definition_type from state_column_key_definition where state_id = $1 order by id',
      ),
    ).toEqual(
      ['id', 'day'].map((name) => ({
        name,
        alias: null,
        required: false,
        callable: false,
        definition_type: 'primary_key',
      })),
    );
  });

  it('is made once by its name', async () => {
    const again = await run('state', 'create', 'orders');
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('there is a state named orders already');
  });

  it.each([
    [['-c', 'Amount'], 'small letters'],
    [['-c', 'amount:money'], 'the type of column amount must be one of str, int'],
    [['-c', 'a', '-c', 'a'], 'a is there twice'],
    [['-k', 'a b'], 'small letters'],
  ])('is not made of %j', async (args, reason) => {
    const refused = await run('state', 'create', 'refused', ...args);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(reason);
  });

  it('is made by publish --create, with a key of the file, and the second run finds it', async () => {
    const file = await fileOf('people.csv', 'Full Name,age\nAda,36\nGrace,85\n');
    const args = ['publish', file, '--state', 'people', '--create', '--key', 'Full Name', '--wait', '--json'];
    expect((await run(...args)).json()).toMatchObject({ rows: 2, storedRows: 2, missing: 0 });
    expect((await run(...args)).json()).toMatchObject({ rows: 2, duplicates: 2 });
    const shown = (await run('state', 'show', 'people')).stdout;
    expect(shown).toContain('2 rows');
    expect(shown).toContain('primary key: full_name');
    const wrong = await run('publish', file, '--state', 'nobody', '--create', '--key', 'height');
    expect(wrong.stderr).toContain('the file has no such column');
    expect((await run('state', 'show', 'nobody')).exitCode).toBe(1);
  });

  it('may be named like the beginning of another', async () => {
    const file = await fileOf('one.csv', 'a\n1\n');
    expect((await run('publish', file, '--state', 'peop', '--create', '--wait', '--json')).json()).toMatchObject({
      storedRows: 1,
    });
  });
});

describe('dead letters at hand', () => {
  it('are exported whole, paged by sequence, and removed or replayed as they are selected', async () => {
    const file = await fileOf('lost.jsonl', [1, 2, 3, 4, 5].map((n) => `{"n":${n}}`).join('\n'));
    await run('publish', file, '--state', 'nobody', '--no-check', '--wait', '--timeout', '30');
    const first = (await run('dead', 'list', '--limit', '2', '--json')).json() as Page;
    const second = (await run('dead', 'list', '--limit', '2', '--before', String(first.next), '--json')).json() as Page;
    const sequences = [...first.letters, ...second.letters].map(({ sequence }) => sequence);
    expect(sequences).toEqual([5, 4, 3, 2]);
    const exported = await run('dead', 'export', '--text', '"n":3');
    expect(exported.json()).toMatchObject({ code: 'unknown_state', payloadEncoding: 'utf8' });
    expect(exported.stdout).toContain('query_state');
    const out = join(folder, 'letters.jsonl');
    expect((await run('dead', 'export', '-o', out, '--json')).json()).toEqual({ letters: 5, file: out });
    expect((await readFile(out, 'utf8')).trimEnd().split('\n')).toHaveLength(5);
    expect((await run('dead', 'purge', '1', '3', '99', '--yes', '--json')).json()).toMatchObject({ purged: 2 });
    expect((await run('dead', 'replay', '2', '4', '--json')).json()).toMatchObject({ replayed: 2, failures: 0 });
    expect((await run('dead', 'purge', '1', '--all', '--yes')).exitCode).toBe(2);
  });
});

interface Page {
  readonly letters: readonly { readonly sequence: number }[];
  readonly next: number | null;
}

describe('a command line that is mistyped', () => {
  it.each([
    [['statsu'], 'Did you mean status?'],
    [['dead', 'lits'], 'Did you mean dead list?'],
    [['status', '--jsno'], 'Did you mean --json?'],
    [['publish', 'x', '--sate', 'y'], 'Did you mean --state?'],
  ])('%j is answered with what may be meant', async (args, hint) => {
    const refused = await runStateSync(args, {});
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(hint);
  });

  it('of something else gets no guess', async () => {
    expect((await runStateSync(['xylophone'], {})).stderr).not.toContain('Did you mean');
  });

  it('can ask for the version', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await runStateSync(['--version'], {})).stdout).toBe(`${version}\n`);
  });
});

describe('status --watch and tail', () => {
  it('look again until they are interrupted', async () => {
    const stop = new AbortController();
    let looks = 0;
    const watching = runStateSync(['status', '--watch', '--interval', '1', '--json'], store.env, {
      signal: stop.signal,
      nowMs: () => {
        looks += 1;
        return Date.now();
      },
    });
    await until('a second look', () => looks >= 4);
    stop.abort();
    const { stdout, exitCode } = await watching;
    expect(exitCode).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .every((line) => line.startsWith('{"time"')),
    ).toBe(true);
  });

  it('tail takes the name of a state, and tells the time and short ids', async () => {
    const stop = new AbortController();
    let told = '';
    const following = runCli(['tail', '--state', 'people', '--only', 'stored'], {
      write: async (text) => {
        told += text;
      },
      writeError: () => undefined,
      isTerminal: false,
      env: store.env,
      cwd: '/nonexistent',
      stdin: (async function* () {})(),
      nowMs: Date.now,
      signal: stop.signal,
    });
    await until('tail tells of a row', async () => {
      const file = await fileOf('more.jsonl', `{"n":${Date.now()}}\n`);
      await run('publish', file, '--state', 'people', '--wait');
      return told.includes('\n');
    });
    stop.abort();
    expect(await following).toBe(0);
    const [line] = told.split('\n');
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} stored +[0-9a-f]{8} processor_state_sync\/publish\//);
    expect(line).toContain('rows from position');
  });
});
