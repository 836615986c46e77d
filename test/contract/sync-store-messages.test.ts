import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../shared/message/outcome.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import { useFunctions } from '../support/function-suite.ts';
import { readStreamTexts } from '../support/read-stream-texts.ts';
import { readStored, type StoredState } from '../support/stored-state.ts';
import { readVectors, type Vector } from '../support/vectors.ts';

interface Input {
  readonly path: 'batch' | 'single';
  readonly state: {
    readonly id: string;
    readonly properties: object | null;
    readonly primary_key: readonly string[];
    readonly columns: readonly { name: string; value?: string; callable?: boolean; display_order?: number }[];
  };
  readonly output_route_id: string;
  readonly forward_route_ids: readonly string[];
  readonly messages: readonly string[];
}

interface Expected {
  readonly steps: readonly { readonly forwarded: readonly string[] }[];
  readonly database: StoredState;
}

type MessageVector = Vector<Input, Expected>;

/** What happens to the messages of a case, what is stored and what is passed on. */
interface Result {
  readonly outcomes: readonly string[];
  readonly forwarded: readonly string[];
  readonly database: StoredState;
}

interface Decision {
  /** Why the store does not do what was recorded. */
  readonly because: string;
  readonly result: (recorded: Result) => Partial<Result>;
}

const nothing: StoredState = { count: 0, columns: [], cells: [], mapping: [] };

const text = (column: string, data_index: number, data_value: string | null): StoredState['cells'][number] => ({
  column,
  data_index,
  data_value,
  data_json_value_text: null,
});

const rowA: StoredState = {
  count: 1,
  columns: [{ name: 'a', data_type: 'int', display_order: 0 }],
  cells: [text('a', 0, '1')],
  mapping: [],
};

/** Rows `{"a":1}` and `{"a":2,"b":3}`, the second column created by the second message on its own. */
const rowsAB: StoredState = {
  count: 2,
  columns: [...rowA.columns, { name: 'b', data_type: 'int', display_order: 1 }],
  cells: [text('a', 0, '1'), text('a', 1, '2'), text('b', 1, '3')],
  mapping: [],
};

const keyOfA = 'db1b0a04-407b-5783-d664-c1659c67f9df';

const forward = (rows: string): string =>
  `{"type": "query_state_entry", "route_id": "11111111-1111-1111-1111-111111111111:33333333-3333-3333-3333-333333333333", "query_state": ${rows}}`;

const refused = (because: string, code: string): Decision => ({ because, result: () => ({ outcomes: [code] }) });

/** Deliberate differences, by the name of the case. */
const decisions: Readonly<Record<string, Decision>> = {
  'batch/direct-message-is-skipped': {
    because: 'G-1, it is stored',
    result: () => ({ outcomes: ['ack'], database: rowA }),
  },
  'batch/direct-with-route_id-is-treated-as-route': {
    because: 'G-35, the type decides: its state is not known',
    result: () => ({ outcomes: ['retry unknown_state'], database: nothing }),
  },
  'batch/missing-query_state': refused('it is refused with a code', 'reject missing_query_state'),
  'batch/unknown-route-is-lost': refused('G-2, it is tried again', 'retry unknown_route'),
  'batch/one-bad-row-loses-the-group': {
    because: 'G-3, it costs itself only',
    result: () => ({ outcomes: ['ack', 'reject empty_row'], database: rowA }),
  },
  'batch/bad-group-does-not-affect-others': {
    because: 'G-2, what is not known yet is tried again',
    result: () => ({ outcomes: ['retry unknown_route', 'ack'] }),
  },
  'batch/forward-batch-merges-messages-raw': {
    because: 'G-11 and G-47, the stored rows travel on, one message per delivery',
    result: () => ({ forwarded: [forward('[{"a": 1}]'), forward('[{"b": 2}]')] }),
  },
  'batch/forward-individual': {
    because: 'G-11, the stored rows travel on',
    result: () => ({ forwarded: [forward('[{"a": 1}]'), forward('[{"a": 2}]')] }),
  },
  'batch/forward-invalid-dispatch-after-persisting': {
    because: 'G-21, it is refused before anything is stored',
    result: () => ({ outcomes: ['reject invalid_properties'], database: nothing }),
  },
  'batch/constant-and-callable': {
    because: 'G-19, data is the raw entry',
    result: ({ database }) => ({
      database: {
        ...database,
        cells: database.cells.map((cell) => ({
          ...cell,
          data_value: cell.data_value?.replace(/\|None$/, "|{'a': 1}") ?? null,
        })),
      },
    }),
  },
  'single/route-query_state-object-fails': {
    because: 'an object is one row on every path',
    result: () => ({ outcomes: ['ack'], database: rowA }),
  },
  'single/route-missing-route_id': refused('it is refused with a code', 'reject missing_route_id'),
  'single/unknown-type': refused('it is refused with a code', 'reject unknown_type'),
  'single/json-number-crashes-consumer': refused('G-26, it is refused with a code', 'reject invalid_envelope'),
  'single/json-array': refused('it is refused with a code', 'reject invalid_envelope'),
  'single/direct-second-save-loses-new-column': { because: 'G-5, it is created', result: () => ({ database: rowsAB }) },
  'standard/new-column-lost': { because: 'G-5, it is created', result: () => ({ database: rowsAB }) },
  'single/direct-first-save-with-primary-key-fails': {
    because: 'G-6, it is stored',
    result: ({ database }) => ({
      outcomes: ['ack'],
      database: {
        ...database,
        count: 1,
        cells: [
          text('a', 0, '1'),
          text('state_key', 0, keyOfA),
          { ...text('state_key_plain', 0, null), data_json_value_text: '[["a", 1]]' },
        ],
        mapping: [[keyOfA, 0]],
      },
    }),
  },
  'single/direct-first-save-json-column-fails': {
    because: 'G-6, it is stored',
    result: ({ database }) => ({
      outcomes: ['ack'],
      database: { ...database, count: 1, cells: [{ ...text('a', 0, null), data_json_value_text: '{"x": 1}' }] },
    }),
  },
  'single/direct-forwards-transformed-nested': {
    because: 'G-11, the rows are one list',
    result: () => ({ forwarded: [forward('[{"id": 1, "tags": "x"}, {"id": 1, "tags": "y"}]')] }),
  },
  'single/direct-state_id-unknown': refused('G-2, it is tried again', 'retry unknown_state'),
};

const vectors = readVectors<Input, Expected>('sync-store-messages');
const suite = useFunctions();

/** The rows of the recorded database, under ids of this case's own; the way back to the recorded ids. */
const insertCase = async (pool: DatabasePool, { state, output_route_id, forward_route_ids }: Input): Promise<Ids> => {
  const ids = new Ids();
  const stateId = ids.fresh(state.id);
  await pool.query(`insert into user_profile (user_id, email) values ('u1', 'u1@x.org') on conflict do nothing`);
  await pool.query(
    `insert into user_project (project_id, project_name, user_id) values ('p1', 'tests', 'u1') on conflict do nothing`,
  );
  await pool.query(
    `insert into processor_provider (id, name, version, class_name) values ('test/processors/python', 'Python Executor', '1.0', 'Code') on conflict do nothing`,
  );
  await pool.query(`insert into state (id, state_type, count, properties) values ($1, 'StateConfig', 0, $2::jsonb)`, [
    stateId,
    state.properties === null ? null : JSON.stringify(state.properties),
  ]);
  for (const name of state.primary_key) {
    await pool.query(
      `insert into state_column_key_definition (state_id, name, definition_type) values ($1, $2, 'primary_key')`,
      [stateId, name],
    );
  }
  for (const { name, value = null, callable = false, display_order = null } of state.columns) {
    await pool.query(
      `insert into state_column (state_id, name, data_type, value, callable, display_order) values ($1, $2, 'str', $3, $4, $5)`,
      [stateId, name, value, callable, display_order],
    );
  }
  for (const [recorded, direction] of [[output_route_id, 'OUTPUT'], ...forward_route_ids.map((id) => [id, 'INPUT'])]) {
    const processor = recorded!.split(':').find((id) => id !== state.id)!;
    const processorId = ids.fresh(processor);
    await pool.query(
      `insert into processor (id, provider_id, project_id, status) values ($1, 'test/processors/python', 'p1', 'CREATED')`,
      [processorId],
    );
    await pool.query(
      `insert into processor_state (id, processor_id, state_id, direction, status) values ($1, $2, $3, $4, 'CREATED')`,
      [ids.toFresh(recorded!), processorId, stateId, direction],
    );
  }
  return ids;
};

/** Every case has ids of its own, so that the cases share servers. */
class Ids {
  readonly #pairs: [recorded: string, fresh: string][] = [];
  fresh(recorded: string): string {
    const fresh = randomUUID();
    this.#pairs.push([recorded, fresh]);
    return fresh;
  }
  toFresh(value: string): string {
    return this.#pairs.reduce((replaced, [recorded, fresh]) => replaced.replaceAll(recorded, fresh), value);
  }
  toRecorded(value: string): string {
    return this.#pairs.reduce((replaced, [recorded, fresh]) => replaced.replaceAll(fresh, recorded), value);
  }
}

const said = (outcome: Outcome): string => (outcome.outcome === 'ack' ? 'ack' : `${outcome.outcome} ${outcome.code}`);

/** The whole way: request bodies into the composition, then what the tables and the router's stream hold. */
const run = async ({ name, input }: MessageVector): Promise<Result> => {
  const ids = await insertCase(suite.database.pool, input);
  const messages = input.messages.map((message, index) => ({
    id: `processor_state_sync/${name}/${index}`,
    body: ids.toFresh(message),
  }));
  const requests = input.path === 'batch' ? [messages] : messages.map((message) => [message]);
  const outcomes: Outcome[] = [];
  for (const request of requests) {
    const isDirect = request.some(({ body }) => body.includes('"query_state_direct"'));
    const answered = await (isDirect ? suite.direct : suite.route).post(request);
    outcomes.push(...request.map(({ id }) => answered.find((outcome) => outcome.id === id)!));
  }
  const stateId = ids.toFresh(input.state.id);
  const { cells, ...stored } = await readStored(suite.database.pool, stateId);
  const forwarded = await readStreamTexts(suite.client, 'processor_state_router');
  return {
    outcomes: outcomes.map(said),
    forwarded: forwarded.filter((message) => message.includes(stateId)).map((message) => ids.toRecorded(message)),
    database: {
      ...stored,
      cells: cells.map((cell) => ({
        ...cell,
        data_value: cell.data_value === null ? null : ids.toRecorded(cell.data_value),
      })),
    },
  };
};

describe('messages are stored and passed on as recorded', () => {
  for (const vector of vectors) {
    const decision = decisions[vector.name];
    it(vector.name + (decision === undefined ? '' : ` (decision: ${decision.because})`), async () => {
      const recorded: Result = {
        outcomes: vector.input.messages.map(() => 'ack'),
        forwarded: vector.expected!.steps.flatMap(({ forwarded }) => forwarded),
        database: vector.expected!.database,
      };
      const wanted = { ...recorded, ...decision?.result(recorded) };
      if (decision !== undefined) expect(wanted).not.toEqual(recorded);
      expect(await run(vector)).toEqual(wanted);
    });
  }

  it('names in its decisions only cases that were recorded', () => {
    expect(vectors.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(decisions)));
  });
});
