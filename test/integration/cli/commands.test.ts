import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { until } from '../../support/until.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';

const script = fileURLToPath(new URL('../../../infra/cli/state-sync.ts', import.meta.url));

let database: TestDatabase;
let server: TestNatsServer;
let connection: NatsConnection;
let store: TestStore;
let folder: string;

const run = (args: readonly string[], more?: Parameters<typeof runStateSync>[2]) => runStateSync(args, store.env, more);

const isOnPath = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((part) => existsSync(join(part, program)));

const lastLineOf = (text: string): unknown => JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');

const fileOf = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

beforeAll(async () => {
  [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
  connection = await connectNats({ url: server.url, name: 'test' });
  store = await startTestStore({ natsUrl: server.url, databaseUrl: database.url });
  await store.startConnector();
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
});

afterAll(async () => {
  await store?.close();
  await connection?.close();
  await Promise.all([server?.close(), database?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

describe('publish', () => {
  it('stores only what is missing of a corrected file, also if an earlier line was changed', async () => {
    const { stateId } = await createState(database.pool);
    const lines = ['{"n":1}', '{"n":2}', '{"n":2}', '{"n":3}'];
    const args = ['publish', '-', '--state', stateId, '--wait', '--json'];
    const publishLines = async (texts: readonly string[]) =>
      run(args, {
        stdin: (async function* () {
          yield `${texts.join('\n')}\n`;
        })(),
      });
    const stopped = await publishLines([...lines, 'not json']);
    expect(stopped.exitCode).toBe(1);
    expect(lastLineOf(stopped.stderr)).toMatchObject({
      error: { code: 'invalid_file', reason: expect.stringContaining('run the command again') as unknown },
    });
    expect((await publishLines(lines)).json()).toMatchObject({ rows: 4 });
    expect((await publishLines(['{"n":0}', '{"n":2}', '{"n":2}', '{"n":3}', '{"n":4}'])).json()).toMatchObject({
      rows: 5,
    });
    const { rows } = (await run(['state', 'show', stateId, '--limit', '10', '--json'])).json() as { rows: string[][] };
    expect(rows.flat().toSorted()).toEqual(['0', '1', '2', '2', '3', '4']);
  });

  it('publishes nothing of a file whose last line is wrong', async () => {
    const { stateId } = await createState(database.pool);
    const file = await fileOf('last.jsonl', '{"n":1}\n{"n":2}\nnot json\n');
    expect((await run(['publish', file, '--state', stateId])).exitCode).toBe(1);
    expect((await run(['state', 'show', stateId])).stdout).toContain('0 rows');
  });

  it('takes the name of a state, or how its id or name begins, and says which are meant if there are several', async () => {
    const [one, other] = [await createState(database.pool), await createState(database.pool)];
    const name = `orders of ${one.stateId}`;
    for (const [id, text] of [
      [one.stateId, name],
      [other.stateId, `${name} too`],
    ]) {
      await database.pool.query("insert into state_config (state_id, attribute, data) values ($1, 'name', $2)", [
        id,
        text,
      ]);
    }
    const file = await fileOf('named.jsonl', '{"n":1}\n');
    const publishInto = async (state: string) => run(['publish', file, '--state', state, '--wait', '--json']);
    expect((await publishInto(name)).json()).toMatchObject({ storedRows: 1 });
    expect((await publishInto(other.stateId.slice(0, 30))).json()).toMatchObject({ storedRows: 1 });
    expect((await run(['state', 'show', `${name} t`])).stdout).toContain(`state ${other.stateId}`);
    const several = await publishInto('orders of');
    expect(lastLineOf(several.stderr)).toMatchObject({ error: { code: 'ambiguous_state' } });
    expect(several.stderr).toContain(one.stateId);
    expect(lastLineOf((await publishInto('nobody has this')).stderr)).toMatchObject({ error: { code: 'not_found' } });
  });

  it('shows columns, types and the first rows, and publishes nothing, with --dry-run', async () => {
    const { stateId } = await createState(database.pool);
    const file = await fileOf('dry.jsonl', '{"Order.Id":1,"x":"a"}\n{"Order.Id":2.5,"x":null}\n');
    const shown = await run(['publish', file, '--state', stateId, '--dry-run', '--json']);
    expect(shown.json()).toEqual({
      stateId,
      rows: 2,
      columns: [
        { name: 'Order.Id', column: 'order_id', types: { int: 1, float: 1 } },
        { name: 'x', column: 'x', types: { text: 1, null: 1 } },
      ],
      first: [
        { 'Order.Id': '1', x: 'a' },
        { 'Order.Id': '2.5', x: 'null' },
      ],
    });
    const table = await run(['publish', file, '--state', stateId, '--dry-run']);
    expect(table.stdout).toContain('2 rows for state');
    expect((await run(['state', 'show', stateId])).stdout).toContain('0 rows');
  });

  it('stores a file of JSON lines, the numbers as they were written, and a second run stores nothing', async () => {
    const { stateId } = await createState(database.pool);
    const lines = ['{"n": 12345678901234567890, "x": 1e2}', '', '{"n": 2, "text": "é\\n"}', '{"n": 3}'];
    const file = await fileOf('rows.jsonl', lines.join('\n'));
    const args = ['publish', file, '--state', stateId, '--batch', '2', '--wait', '--json'];
    const first = await run(args);
    expect(JSON.parse(first.stderr)).toMatchObject({
      servers: [{ origin: 'the environment' }, { origin: 'the environment' }],
    });
    expect(first.json()).toEqual({
      messages: 2,
      rows: 3,
      duplicates: 0,
      storedMessages: 2,
      storedRows: 3,
      rejected: [],
      missing: 0,
    });
    expect(first.exitCode).toBe(0);
    const second = await run(args);
    expect(second.exitCode).toBe(0);
    expect(await database.pool.query('select count from state where id = $1', [stateId])).toEqual([{ count: 3 }]);
    const exported = await run(['state', 'export', stateId]);
    expect(exported.stdout).toBe(
      '{"n":12345678901234567890,"x":100.0,"text":null}\n{"n":2,"x":null,"text":"é\\n"}\n{"n":3,"x":null,"text":null}\n',
    );
  });

  it('stores CSV as texts, and an export of it is the same file', async () => {
    const { stateId } = await createState(database.pool);
    const text = 'name,note\r\nAda,"says ""hi"", twice"\r\nBob,"two\r\nlines"\r\n007,plain\r\n';
    const file = await fileOf('rows.csv', text);
    expect((await run(['publish', file, '--state', stateId, '--wait'])).exitCode).toBe(0);
    expect((await run(['state', 'export', stateId, '--format', 'csv'])).stdout).toBe(text);
    const out = join(folder, 'out.csv');
    const exported = await run(['state', 'export', stateId, '-o', out, '--json']);
    expect(exported.json()).toMatchObject({ rows: 3, format: 'csv' });
    expect(await readFile(out, 'utf8')).toBe(text);
  });

  it('reads standard input and keeps its own ids', async () => {
    const { stateId } = await createState(database.pool);
    const result = await run(['publish', '-', '--state', stateId, '--batch', '2', '--id', 'mine', '--wait', '--json'], {
      stdin: (async function* () {
        yield '{"a":1}\n{"a"';
        yield Buffer.from(':2}\n');
      })(),
    });
    expect(result.json()).toMatchObject({ rows: 2, storedRows: 2 });
    expect(
      await database.pool.query('select message_id from state_sync.ledger where state_id = $1', [stateId]),
    ).toEqual([{ message_id: 'processor_state_sync/mine/0' }]);
  });

  it('says what was given up and why, and fails', async () => {
    const file = await fileOf('lost.jsonl', '{"a":1}\n');
    const result = await run(['publish', file, '--state', 'nobody', '--no-check', '--wait', '--json']);
    expect(result.exitCode).toBe(1);
    expect(result.json()).toMatchObject({ storedRows: 0, missing: 0, rejected: [{ code: 'unknown_state' }] });
  });

  it.each([
    ['bad.jsonl', '{"a":1}\nnot json\n', 'line 2 is not JSON'],
    ['list.jsonl', '[1]\n', 'line 1 is not a JSON object'],
    ['short.csv', 'a,b\n1,2\n3\n', 'line 3 has 1 fields, the header has 2'],
    ['open.csv', 'a,b\n1,"2\n', 'a quote is never closed; it was opened before line'],
    ['twice.csv', 'a,a\n1,2\n', 'the column a is there twice'],
  ])('names the line of %s that cannot be read', async (name, text, reason) => {
    const file = await fileOf(name, text);
    const result = await run(['publish', file, '--state', 'nobody', '--no-check']);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(reason);
  });

  it('splits below the payload limit and refuses a row that cannot fit', async () => {
    const { stateId } = await createState(database.pool);
    const row = `{"t":"${'x'.repeat(300_000)}"}\n`;
    const result = await run([
      'publish',
      await fileOf('big.jsonl', row.repeat(7)),
      '--state',
      stateId,
      '--batch',
      '7',
      '--json',
    ]);
    expect(result.json()).toMatchObject({ messages: 3, rows: 7 });
    const huge = await fileOf('huge.jsonl', `{"t":"${'x'.repeat(1_100_000)}"}\n`);
    const refused = await run(['publish', huge, '--state', stateId, '--json']);
    expect(refused.exitCode).toBe(1);
    expect(lastLineOf(refused.stderr)).toMatchObject({
      error: { code: 'payload_too_large' },
    });
  });
});

describe('dead', () => {
  it('lists, shows, replays with a bar and purges only when told so', async () => {
    for (let index = 0; index < 5; index += 1) {
      await connection
        .jetstream()
        .publish('processor.state.sync', `broken ${index}\u001b[31m`, { msgID: `dead/${index}` });
    }
    await until('the dead letters', async () => {
      const listed = await run(['dead', 'list', '--code', 'invalid_json', '--json']);
      return (listed.json() as { letters: unknown[] }).letters.length === 5;
    });
    const listed = await run(['dead', 'list', '--code', 'invalid_json', '--limit', '2']);
    expect(listed.stdout.split('\n')[0]).toMatch(/^sequence +time +code/);
    expect(listed.stdout).toContain('invalid_json');
    const [letter] = (
      (await run(['dead', 'list', '--code', 'invalid_json', '--json'])).json() as {
        letters: { sequence: number }[];
      }
    ).letters;
    const shown = await run(['dead', 'show', String(letter!.sequence)]);
    expect(shown.stdout).toContain('broken 4');
    expect(shown.stdout).not.toContain('\u001b');
    expect((await run(['dead', 'show', '999999'])).exitCode).toBe(1);
    const replayed = await run(['dead', 'replay', '--code', 'invalid_json'], { isTerminal: true });
    expect(replayed.stdout).toMatch(/\r.*replayed 5/);
    expect(replayed.stdout).toContain('5 replayed, 0 failed and kept');
    await until('they are back', async () => {
      const again = await run(['dead', 'list', '--code', 'invalid_json', '--json']);
      return (again.json() as { letters: unknown[] }).letters.length === 5;
    });
    expect((await run(['dead', 'purge', '--code', 'invalid_json'])).exitCode).toBe(2);
    const purged = await run(['dead', 'purge', '--code', 'invalid_json', '--yes', '--json']);
    expect(purged.json()).toEqual({ purged: 5, complete: true });
    await connection.jetstream().publish('processor.state.sync', 'broken', { msgID: 'dead/all' });
    await until('one more dead letter', async () => {
      const again = await run(['dead', 'list', '--code', 'invalid_json', '--json']);
      return (again.json() as { letters: unknown[] }).letters.length === 1;
    });
    const all = await run(['dead', 'purge', '--all', '--yes', '--json']);
    expect(all.json()).toMatchObject({ complete: true });
    expect((await run(['dead', 'list', '--json'])).json()).toMatchObject({ total: 0 });
  });

  it('says that what was replayed is stored, as soon as it is', async () => {
    // A table without any state says nothing of one that is not there.
    await createState(database.pool);
    const stateId = randomUUID();
    const content = JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: [{ a: 1 }] });
    await connection.jetstream().publish('processor.state.sync', content, { msgID: 'comes good' });
    const letters = async (): Promise<unknown> => (await run(['dead', 'list', '--state', stateId, '--json'])).json();
    await until('the dead letter', async () => ((await letters()) as { letters: unknown[] }).letters.length === 1);
    await database.pool.query(`insert into state (id, state_type, count) values ($1, 'StateConfig', 0)`, [stateId]);
    const replay = await run(['dead', 'replay', '--state', stateId, '--wait', '30', '--json']);
    expect(replay.json()).toMatchObject({ replayed: 1, settled: 1, deadAgain: 0, onTheirWay: 0, cameBack: [] });
    expect(replay.exitCode).toBe(0);
  });

  it('counts by reason, replays a canary and says what came back, and sends edited content', async () => {
    const { stateId } = await createState(database.pool);
    for (let index = 0; index < 3; index += 1) {
      await connection.jetstream().publish('processor.state.sync', '{"broken', { msgID: `canary/${index}` });
    }
    const groups = async (): Promise<readonly { readonly count: number; readonly lastSequence: number }[]> =>
      ((await run(['dead', 'list', '--group', '--json'])).json() as { groups: [] }).groups;
    await until('the dead letters', async () => (await groups())[0]?.count === 3);
    const listed = await run(['dead', 'list', '--group']);
    expect(listed.stdout).toMatch(/^letters +code +state or route +first +last +reason\n.*\n3 +invalid_json/);

    const canary = await run([
      'dead',
      'replay',
      '--code',
      'invalid_json',
      '--limit',
      '1',
      '--rate',
      '10',
      '--wait',
      '2',
    ]);
    expect(canary.stdout).toContain('1 replayed, 0 failed and kept\n');
    expect(canary.stdout).toContain('0 stored and passed on, 1 dead letter again, 0 still on their way\n');
    expect(canary.exitCode).toBe(1);
    expect(canary.stdout).toMatch(/dead letters since then:\n.*\n.*\n1 +invalid_json/);

    const [group] = await groups();
    const content = JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: [{ a: 1 }] });
    const edited = await run(['dead', 'edit', String(group!.lastSequence), '-'], {
      stdin: (async function* () {
        yield content;
      })(),
    });
    expect(edited).toMatchObject({ exitCode: 0, stdout: 'sent; the dead letter is removed\n' });
    await until('the row is stored', async () => {
      const [state] = await database.pool.query<{ count: number }>('select count from state where id = $1', [stateId]);
      return state?.count === 1;
    });
    expect((await groups())[0]?.count).toBe(2);

    // A letter whose edit is given up too tells what both contents were.
    const wrong = '{"type":"query_state_direct","state_id":null,"query_state":[]}';
    const first = (await groups())[0]!.lastSequence;
    await run(['dead', 'edit', String(first), '-'], {
      stdin: (async function* () {
        yield wrong;
      })(),
    });
    const newest = async (): Promise<number> => {
      const { letters } = (await run(['dead', 'list', '--limit', '1', '--json'])).json() as {
        readonly letters: readonly { readonly sequence: number }[];
      };
      return letters[0]?.sequence ?? 0;
    };
    await until('it is a dead letter again', async () => (await newest()) > group!.lastSequence);
    const again = (await run(['dead', 'show', String(await newest())])).stdout;
    expect(again).toContain(`dead letter ${first} was edited at `);
    expect(again.slice(again.indexOf('  before, '))).toContain('query_state_direct');
    expect(again.slice(again.indexOf('  after, '))).toContain(wrong);
    expect((await run(['dead', 'edit', '999999', '/nonexistent'])).exitCode).toBe(1);
    await run(['dead', 'purge', '--all', '--yes']);
  });
});

describe('state', () => {
  it('shows, verifies and repairs', async () => {
    const { stateId } = await createState(database.pool, { columns: [{ name: 'a' }] });
    await database.pool.query(
      `insert into state_column_data (column_id, data_index, data_value)
       select id, i, 'v' || i from state_column, generate_series(0, 3) i where state_id = $1 and i <> 1`,
      [stateId],
    );
    const found = await run(['state', 'verify', stateId]);
    expect(found.exitCode).toBe(1);
    expect(found.stdout).toContain('count is 0, the next free position is 4');
    expect(found.stdout).toContain('1 positions have no cell: 1');
    expect((await run(['state', 'verify'])).stdout).toContain(stateId);
    const dry = await run(['state', 'repair', stateId]);
    expect(dry.stdout).toContain('would do (say --apply)');
    expect((await run(['state', 'verify', stateId])).exitCode).toBe(1);
    const done = await run(['state', 'repair', stateId, '--apply', '--json']);
    expect(done.json()).toMatchObject({ applied: true });
    expect((await run(['state', 'verify', stateId])).exitCode).toBe(0);
    const shown = await run(['state', 'show', stateId]);
    expect(shown.stdout).toContain(`state ${stateId}`);
    expect(shown.stdout).toContain('v3');
    expect((await run(['state', 'list', '--search', stateId])).stdout).toContain(stateId);
    expect((await run(['state', 'show', 'none'])).exitCode).toBe(1);
  });

  it('exports the part that is asked for', async () => {
    const { stateId } = await createState(database.pool);
    const rows = Array.from({ length: 2_500 }, (_, n) => `{"n":${n}}`).join('\n');
    await run(['publish', await fileOf('many.jsonl', rows), '--state', stateId, '--wait']);
    const all = await run(['state', 'export', stateId]);
    expect(all.stdout).toBe(`${rows}\n`);
    const part = await run(['state', 'export', stateId, '--offset', '1500', '--limit', '2']);
    expect(part.stdout).toBe('{"n":1500}\n{"n":1501}\n');
  });
});

describe('tail', () => {
  it('tells what is received, stored and rejected as it happens', async () => {
    const { stateId } = await createState(database.pool);
    const stop = new AbortController();
    let heard = '';
    const kindsHeard = (): readonly string[] =>
      [...new Set(heard.split('\n').flatMap((line) => /"kind":"(\w+)"/.exec(line)?.[1] ?? []))].sort();
    const following = run(['tail', '--json', '--state', stateId], {
      signal: stop.signal,
      onStdout: (text) => {
        heard += text;
      },
    });
    // Followed from now on: what is published before it listens is not told.
    await until('all is heard', async () => {
      const id = `tail/${Math.random()}`;
      const body = { type: 'query_state_direct', state_id: stateId, query_state: [{ a: 1 }] };
      await connection.jetstream().publish('processor.state.sync', JSON.stringify(body), { msgID: id });
      await connection
        .jetstream()
        .publish('processor.state.sync', JSON.stringify({ ...body, type: 'odd' }), { msgID: `${id}x` });
      return kindsHeard().length === 3;
    });
    stop.abort();
    expect((await following).exitCode).toBe(0);
    expect(kindsHeard()).toEqual(['received', 'rejected', 'stored']);
  });
});

describe('servers that nobody named', () => {
  const args = ['ledger', 'prune'];
  it('are not changed without a person’s yes', async () => {
    const refused = await runStateSync(args, {});
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('database localhost:5432/postgres (a default)');
    expect(refused.stderr).toContain('set DATABASE_URL');
    const questions: string[] = [];
    const ask = async (question: string): Promise<string> => {
      questions.push(question);
      return 'no';
    };
    const declined = await runStateSync(args, {}, { ask });
    expect(declined.exitCode).toBe(1);
    expect(declined.stderr).toContain('nothing was done');
    expect(questions).toHaveLength(1);
  });

  it('are named for every command, without a password', async () => {
    const { stderr } = await runStateSync(['state', 'list'], {
      DATABASE_URL: 'postgresql://u:p%40s@127.0.0.1:1/z?sslmode=disable',
    });
    expect(stderr).toContain('database 127.0.0.1:1/z (the environment)');
    expect(stderr).not.toContain('p%40');
  });
});

describe('the command line', () => {
  it('shows help with examples for every command, and what it takes wrong usage for', async () => {
    const general = await run(['--help']);
    const names = [...general.stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}[A-Z]/gm)].map((match) => match[1] ?? '');
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) {
      const help = await run([...name.split(' '), '--help']);
      expect(help.exitCode, name).toBe(0);
      expect(help.stdout, name).toContain('Examples:');
    }
    for (const args of [
      [],
      ['nothing'],
      ['dead'],
      ['dead', 'show'],
      ['dead', 'show', 'x'],
      ['publish', 'f'],
      ['doctor', '--what'],
      ['dead', 'replay'],
      ['dead', 'replay', '--all', '--code', 'x'],
      ['tail', '--only', 'noise'],
    ]) {
      expect((await run(args)).exitCode, args.join(' ')).toBe(2);
    }
  });

  it('says with its exit code that a server cannot be reached', async () => {
    const env = { ...store.env, MSG_URL: 'nats://127.0.0.1:1' };
    const result = await runStateSync(['dead', 'list', '--json'], env);
    expect(result.exitCode).toBe(3);
    expect(lastLineOf(result.stderr)).toMatchObject({ error: { code: 'nats_unavailable' } });
    const database = await runStateSync(['state', 'list'], {
      ...store.env,
      DATABASE_URL: 'postgresql://x:y@127.0.0.1:1/z',
    });
    expect(database.exitCode).toBe(3);
    expect(database.stderr).not.toContain('x:y');
  });

  it('clears and shows the caches of warm replicas', async () => {
    const cleared = await run(['cache', 'clear', '--all', '--json']);
    expect((cleared.json() as { answered: number }).answered).toBeGreaterThan(0);
    expect((await run(['cache', 'stats'])).stdout).toMatch(/state-direct/);
  });

  it('completes commands, options, codes and states in bash, behind npx too', async () => {
    const { stdout } = await run(['completion', 'bash']);
    const complete = async (
      words: readonly string[],
      states = '',
      entry = '_state_sync',
    ): Promise<readonly string[]> => {
      const program = `${stdout}\n${states}COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; ${entry}; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const result = await promisify(execFile)('bash', ['-c', program]);
      return result.stdout.trim().split('\n');
    };
    expect(await complete(['state-sync', 'do'])).toEqual(['doctor']);
    expect(await complete(['state-sync', 'dead', 're'])).toEqual(['replay']);
    expect(await complete(['state-sync', 'dead', 'list', '--co'])).toEqual(['--code']);
    expect(await complete(['state-sync', 'publish', '--st'])).toEqual(['--state']);
    expect(await complete(['state-sync', 'dead', 'list', '--code', 'unknown_st'])).toEqual(['unknown_state']);
    // A name is offered as it is to be typed, and nothing of it is run.
    const states = `_state_sync_states() { printf '%s\\n' 'orders' 'old $(echo run) x'; }\n`;
    expect(await complete(['state-sync', 'state', 'show', 'o'], states)).toEqual([
      'orders',
      'old\\ \\$\\(echo\\ run\\)\\ x',
    ]);
    expect(await complete(['state-sync', 'publish', 'x', '--state', 'ord'], states)).toEqual(['orders']);
    expect(await complete(['npx', 'state-sync', 'do'], '', '_state_sync_npx')).toEqual(['doctor']);
    expect(await complete(['npx', 'vitest', 'do'], '', '_state_sync_npx')).toEqual(['']);
    expect((await run(['completion', 'tcsh'])).exitCode).toBe(2);
  });

  it.skipIf(!isOnPath('fish'))('completes the same in fish (skipped where there is none)', async () => {
    const { stdout } = await run(['completion', 'fish']);
    const complete = async (line: string): Promise<readonly string[]> => {
      const states = `function __state_sync_states; printf '%s\\n' orders 'old $(echo run) x'; end\n`;
      const program = `${stdout}\n${states}complete -C '${line}'`;
      const result = await promisify(execFile)('fish', ['--no-config', '-c', program]);
      return result.stdout
        .trim()
        .split('\n')
        .map((offer) => offer.replace(/\t.*/, ''));
    };
    for (const program of ['state-sync', 'npx state-sync']) {
      expect(await complete(`${program} do`)).toEqual(['doctor']);
      expect(await complete(`${program} dead re`)).toEqual(['replay']);
      expect(await complete(`${program} dead list --co`)).toEqual(['--code']);
      expect(await complete(`${program} dead list --code unknown_st`)).toEqual(['unknown_state']);
      expect(await complete(`${program} publish x --state ord`)).toEqual(['orders']);
      expect(await complete(`${program} state show ol`)).toEqual(['old $(echo run) x']);
    }
    expect(await complete('npx vitest dead re')).not.toContain('replay');
  });

  it.skipIf(!isOnPath('zsh'))(
    'completes the same in zsh, by its own bash completion (skipped where there is none)',
    async () => {
      const { stdout } = await run(['completion', 'zsh']);
      const complete = async (words: readonly string[], entry: string): Promise<readonly string[]> => {
        // What zsh does before it calls a function of bash's kind.
        const program = `autoload -U +X compinit && compinit -u -D
${stdout}
_state_sync_states() { printf '%s\\n' orders; }
ask() { emulate -L sh; setopt kshglob noshglob braceexpand; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; ${entry}; printf '%s\\n' "\${COMPREPLY[@]}"; }
ask`;
        const result = await promisify(execFile)('zsh', ['-f', '-c', program]);
        const typed = words.at(-1) ?? '';
        // zsh itself leaves out what does not begin with what is typed.
        return result.stdout
          .trim()
          .split('\n')
          .filter((offer) => offer.startsWith(typed));
      };
      expect(await complete(['state-sync', 'do'], '_state_sync')).toEqual(['doctor']);
      expect(await complete(['state-sync', 'dead', 're'], '_state_sync')).toEqual(['replay']);
      expect(await complete(['state-sync', 'dead', 'list', '--code', 'unknown_st'], '_state_sync')).toEqual([
        'unknown_state',
      ]);
      expect(await complete(['state-sync', 'state', 'show', 'o'], '_state_sync')).toEqual(['orders']);
      expect(await complete(['npx', 'state-sync', 'do'], '_state_sync_npx')).toEqual(['doctor']);
    },
  );

  it('shows tables as wide as the terminal, and cuts nothing when it is piped', async () => {
    const name = 'a name that is longer than thirty-six characters are';
    const { stateId } = await createState(database.pool, { columns: [{ name }] });
    const args = ['state', 'show', stateId];
    const piped = (await run(args)).stdout;
    expect(piped).toContain(name);
    const narrow = (await run(args, { isTerminal: true, columns: 40 })).stdout;
    const table = narrow.split('\n').slice(narrow.split('\n').indexOf('') + 1);
    expect(Math.max(...table.map((line) => stripVTControlCharacters(line).length))).toBeLessThanOrEqual(40);
    expect(narrow).not.toContain(name);
    expect((await run(args, { isTerminal: true, columns: 200 })).stdout).toContain(name);
  });

  it('is coloured on a terminal, unless NO_COLOR or TERM says no, and not when it is piped', async () => {
    const outputOf = async (env: Readonly<Record<string, string>>, isTerminal = true): Promise<string> =>
      (await runStateSync(['status'], { ...store.env, ...env }, { isTerminal })).stdout;
    const escape = '\u001b[';
    const shown = await outputOf({});
    const marks = ['32m✓', '33m!', '31m✗'];
    expect(marks.some((mark) => shown.startsWith(`${escape}${mark}`))).toBe(true);
    expect(shown).toContain(`${escape}1m`);
    expect(await outputOf({ NO_COLOR: '' })).toContain(escape);
    expect(await outputOf({ NO_COLOR: '1' })).not.toContain(escape);
    expect(await outputOf({ TERM: 'dumb' })).not.toContain(escape);
    expect(await outputOf({}, false)).not.toContain(escape);
  });

  it('takes the name of a state and the beginning of a route where dead letters and caches are asked for', async () => {
    const state = await createState(database.pool, { processorsBehind: 1 });
    await database.pool.query(`update processor_state set id = left('same-' || id, 36) where state_id = $1`, [
      state.stateId,
    ]);
    await database.pool.query(`insert into state_config (state_id, attribute, data) values ($1, 'name', 'Named one')`, [
      state.stateId,
    ]);
    const route = `same-${state.outputRouteId}`.slice(0, 36);
    const send = (message: Readonly<Record<string, unknown>>) =>
      connection.jetstream().publish('processor.state.sync', JSON.stringify({ ...message, query_state: 'no rows' }));
    await send({ type: 'query_state_direct', state_id: state.stateId });
    await send({ type: 'query_state_route', route_id: route });
    const found = async (...args: readonly string[]): Promise<number> => {
      const { letters } = (await run(['dead', 'list', ...args, '--json'])).json() as { readonly letters: unknown[] };
      return letters.length;
    };
    await until(
      'both are dead letters',
      async () => (await found('--state', 'Named')) + (await found('--route', route)) === 2,
    );
    expect(await found('--state', state.stateId.slice(0, 20))).toBe(1);
    expect(await found('--route', route.slice(0, -1))).toBe(1);
    const purged = await run(['dead', 'purge', '--route', route.slice(0, -1), '--yes', '--json']);
    expect(purged.json()).toMatchObject({ purged: 1 });
    expect(await run(['cache', 'clear', '--route', route.slice(0, -1)])).toMatchObject({ exitCode: 0 });
    const several = await run(['dead', 'list', '--route', 'same-']);
    expect(several.stderr).toContain('means several routes');
  });

  it('runs as a program of its own', async () => {
    const env = { PATH: process.env['PATH'] ?? '', ...store.env };
    const done = await promisify(execFile)(process.execPath, [script, 'state', 'list', '--json'], { env });
    expect(JSON.parse(done.stdout)).toMatchObject({ states: expect.any(Array) as unknown });
    const failed = await promisify(execFile)(process.execPath, [script, 'dead', 'show', '999999'], { env }).then(
      () => undefined,
      (error: unknown) => error as { code: number; stderr: string },
    );
    expect(failed?.code).toBe(1);
    expect(failed?.stderr).toMatch(
      /^database 127\.0\.0\.1:\d+\/test \(the environment\), NATS .*\nthere is no dead letter 999999\n$/,
    );
  });
});
