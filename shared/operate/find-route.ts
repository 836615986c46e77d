import { withDatabaseErrors } from '../postgres/database-error.ts';
import type { DatabasePool } from '../postgres/database.ts';
import { CommandError } from './command-error.ts';

/**
 * The id of the route that a text means: its whole id, or the beginning of one.
 * @throws CommandError `not_found`, or `ambiguous_state` with the candidates
 */
export const findRouteId = async (pool: DatabasePool, text: string): Promise<string> => {
  const found = await withDatabaseErrors('find the route', () =>
    pool.query<{ readonly id: string }>(
      `select id from ${pool.tables.route} where id = $1 or starts_with(id, $1) order by id <> $1, id limit ${shownCandidates + 1}`,
      [text],
    ),
  );
  const [first] = found;
  if (first === undefined) throw new CommandError(404, 'not_found', `there is no route ${text}`);
  if (first.id === text || found.length === 1) return first.id;
  const ids = found.slice(0, shownCandidates).map(({ id }) => id);
  const more = found.length > shownCandidates ? ', ...' : '';
  throw new CommandError(409, 'ambiguous_state', `${text} means several routes: ${ids.join(', ')}${more}`);
};

/** So many candidates are named by an error. */
const shownCandidates = 5;
