import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStateDirect } from '../../../functions/state-direct/state-direct.ts';
import { replayRows } from '../../../functions/state-entry/replay/replay-rows.ts';
import { entriesOf, type JsonObject } from '../../../shared/json/json-value.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
import { pythonJson } from '../../../shared/json/write-json.ts';
import { readState } from '../../../shared/metadata/read-metadata.ts';
import { readPage } from '../../../shared/postgres/read-page.ts';
import {
  hasReferenceStorage,
  skipReason,
  startReference,
  type ReferenceProcess,
} from '../../support/reference-process.ts';
import { entryText, listText, generatedState, type GeneratedState } from '../../support/state-arbitraries.ts';
import { readStored, type StoredState } from '../../support/stored-state.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestFunction, type TestFunction } from '../../support/test-function.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

/** Errors of the reference on rows that are stored here: its defects. */
const storedHere = new RegExp(
  [
    // G-27: objects, and lists that are no PostgreSQL array, in a text column.
    "can't adapt type 'dict'",
    'DatatypeMismatch',
    'InvalidTextRepresentation',
    'ArraySubscriptError',
    'IndeterminateDatatype',
    'CannotCoerce',
    // G-33: a state_key that is no text.
    'operator does not exist: character varying = ',
    'unhashable type',
  ].join('|'),
);

/** The members of an object; the reference reads columns in no certain order (G-9). */
const membersOf = (text: string): readonly string[] =>
  [...entriesOf(parseJson(text) as JsonObject)].map((member) => pythonJson([...member], { ascii: true })).toSorted();

const missing = !hasReferenceStorage();
if (missing) console.warn(`skipped: ${skipReason}`);

describe.skipIf(missing)(`rows are stored as the reference stores them (${missing ? skipReason : 'compared'})`, () => {
  let database: TestDatabase;
  let nats: TestNatsServer;
  let direct: TestFunction;
  let reference: ReferenceProcess;

  beforeAll(async () => {
    [database, nats] = await Promise.all([startTestDatabase(), startTestNats()]);
    reference = startReference();
    direct = await startTestFunction({
      name: 'state-direct',
      create: createStateDirect,
      databaseUrl: database.url,
      natsUrl: nats.url,
      env: { CACHE_TTL_SECONDS: '0', STATE_SYNC_FLATTEN: 'reference' },
    });
  });
  afterAll(async () => {
    await Promise.all([direct?.close(), reference?.close()]);
    await Promise.all([database?.stop(), nats?.close()]);
  });

  const insertState = async (state: GeneratedState): Promise<string> => {
    const id = randomUUID();
    const { pool } = database;
    await pool.query(`insert into state (id, state_type, count, properties) values ($1, 'StateConfig', 0, $2::jsonb)`, [
      id,
      state.properties === null ? null : JSON.stringify(state.properties),
    ]);
    const kinds = ['primary_key', 'remap', 'template_columns'] as const;
    for (const kind of kinds) {
      // In the order of their names, which is the reference's order too while it reads them through the index (G-9).
      const definitions = state[kind].toSorted((one, other) => (one.name < other.name ? -1 : 1));
      for (const { name, alias, required } of definitions) {
        const type = kind === 'remap' ? 'remap_query_state_columns' : kind;
        await pool.query(
          `insert into state_column_key_definition (state_id, name, alias, required, definition_type) values ($1, $2, $3, $4, $5)`,
          [id, name, alias, required, type],
        );
      }
    }
    for (const { name, data_type, value, callable, display_order } of state.columns) {
      await pool.query(
        `insert into state_column (state_id, name, data_type, value, callable, display_order) values ($1, $2, $3, $4, $5, $6)`,
        [id, name, data_type, value, callable, display_order],
      );
    }
    return id;
  };

  const limit = 3;
  const theirPageOf = async (id: string): Promise<readonly (readonly string[])[]> => {
    const page = { operation: 'page', database_url: database.url, state_id: id, offset: 0, limit };
    const { rows = [] } = await reference.ask<{ rows?: readonly string[] }>(page);
    return rows.map(membersOf);
  };
  const pageOf = async (id: string): Promise<readonly (readonly string[])[]> => {
    const model = await readState(database.pool, id);
    const columns = model!.columns;
    const { rows } = await readPage(database.pool, { stateId: id, columns, offset: 0, limit });
    return replayRows(columns, rows).map((row) => membersOf(pythonJson(row, { ascii: true })));
  };

  it(
    'columns, cells, mapping, count and the first page of a replay, in two messages',
    { timeout: 300_000 },
    async () => {
      const counts = { same: 0 };
      await fc.assert(
        fc.asyncProperty(
          generatedState,
          fc.array(fc.array(entryText, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 }),
          async (state, messages) => {
            const [theirId, ourId] = [await insertState(state), await insertState(state)];
            for (const entries of messages) {
              const before: StoredState = await readStored(database.pool, ourId);
              const { error } = await reference.ask({
                operation: 'append',
                database_url: database.url,
                state_id: theirId,
                entries,
              });
              const body = `{"type":"query_state_direct","state_id":"${ourId}","query_state":[${entries.join(',')}]}`;
              const [outcome] = await direct.post([body]);
              const ours = await readStored(database.pool, ourId);
              if (outcome?.outcome === 'ack' && error === undefined) {
                counts.same += 1;
                expect(ours).toEqual(await readStored(database.pool, theirId));
                expect(await pageOf(ourId)).toEqual(await theirPageOf(ourId));
                continue;
              }
              // A refused message leaves nothing behind here; the reference leaves columns, so the comparison ends.
              if (outcome?.outcome !== 'ack') {
                expect({ outcome: outcome?.outcome, ours }).toEqual({ outcome: 'reject', ours: before });
                if (error === undefined) {
                  const theirs = await readStored(database.pool, theirId);
                  expect([outcome, theirs.count]).toEqual([
                    expect.objectContaining({ code: 'empty_row' }),
                    before.count,
                  ]);
                }
              } else {
                expect(error).toMatch(storedHere);
              }
              return;
            }
          },
        ),
        { numRuns: 400 },
      );
      expect(counts.same).toBeGreaterThan(150);
    },
  );

  it('lists in text columns', { timeout: 300_000 }, async () => {
    const model: GeneratedState = {
      columns: [{ name: 'v', data_type: 'str', value: null, callable: false, display_order: 0 }],
      primary_key: [],
      remap: [],
      template_columns: [],
      properties: { persistence: { flatten: 'none' } },
    };
    const counts = { same: 0 };
    const [theirId, ourId] = [await insertState(model), await insertState(model)];
    const cell = async (id: string): Promise<unknown> =>
      (await readStored(database.pool, id)).cells.map(({ data_value }) => data_value);
    const reset =
      'delete from state_column_data where column_id in (select id from state_column where state_id in ($1, $2))';
    await fc.assert(
      fc.asyncProperty(listText, async (list) => {
        await database.pool.query(reset, [theirId, ourId]);
        const entry = `{"v":${list}}`;
        const { error } = await reference.ask({
          operation: 'append',
          database_url: database.url,
          state_id: theirId,
          entries: [entry],
        });
        const [outcome] = await direct.post([
          `{"type":"query_state_direct","state_id":"${ourId}","query_state":[${entry}]}`,
        ]);
        if (error === undefined) {
          counts.same += 1;
          expect(await cell(ourId)).toEqual(await cell(theirId));
        } else {
          expect([outcome?.outcome, error]).toEqual(['ack', expect.stringMatching(storedHere)]);
        }
      }),
      { numRuns: 400 },
    );
    expect(counts.same).toBeGreaterThan(150);
  });
});
