import { jsonbText } from '../../json/write-json.ts';
import { withDatabaseErrors } from '../../postgres/database-error.ts';
import { readForwardRoutes, readState } from '../../metadata/read-metadata.ts';
import { readPage } from '../../postgres/read-page.ts';
import { CommandError } from '../command-error.ts';
import type { ManageCommand } from '../manage-context.ts';
import { findStateId, maxStateNameCharacters } from '../find-state.ts';

interface StateLine {
  readonly id: string;
  readonly name: string | null;
  readonly projectId: string | null;
  readonly rows: number;
  readonly columns: number;
}

const maxIdCharacters = 36;

/** `state.list` {limit, after, search}: states by id, with their rows and columns; `search` is part of an id or a name. */
export const stateList: ManageCommand = async (args, { pool }) => {
  const limit = args.integer('limit', 50, { min: 1, max: 500 });
  const after = args.optionalText('after', maxIdCharacters) ?? '';
  const search = args.optionalText('search', 100) ?? null;
  args.check();
  const { state, stateConfig, column } = pool.tables;
  const states = await withDatabaseErrors('list states', () =>
    pool.query<StateLine>(
      `select s.id, n.data as name, s.project_id as "projectId", s.count as rows,
              (select count(*)::int from ${column} c where c.state_id = s.id) as columns
         from ${state} s
         left join ${stateConfig} n on n.state_id = s.id and n.attribute = 'name'
        where s.id > $1 and ($2::text is null or strpos(lower(s.id || ' ' || coalesce(n.data, '')), lower($2)) > 0)
        order by s.id limit $3`,
      [after, search, limit],
    ),
  );
  return { states, next: states.length === limit ? (states.at(-1)?.id ?? null) : null };
};

/** `state.show` {state_id, offset, limit}: columns, keys, forward routes and a page of its rows (limit 0: none). */
export const stateShow: ManageCommand = async (args, { pool }) => {
  const text = args.text('state_id', maxStateNameCharacters);
  const offset = args.integer('offset', 0, { min: 0, max: 2_147_483_647 });
  const limit = args.integer('limit', 20, { min: 0, max: 200 });
  args.check();
  const stateId = await findStateId(pool, text);
  const model = await readState(pool, stateId);
  if (model === undefined) throw new CommandError(404, 'not_found', `there is no state ${stateId}`);
  const [page, forwardRoutes] = await Promise.all([
    readPage(pool, { stateId, columns: model.columns, offset, limit }),
    readForwardRoutes(pool, stateId),
  ]);
  const properties: unknown = model.properties === null ? null : JSON.parse(jsonbText(model.properties));
  return { ...model, properties, count: page.count, forwardRoutes, offset, rows: page.rows };
};
