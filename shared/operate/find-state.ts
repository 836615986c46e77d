import { withDatabaseErrors } from '../postgres/database-error.ts';
import type { DatabasePool } from '../postgres/database.ts';
import { CommandError } from './command-error.ts';

/** An id has 36 characters, a name as many as a column takes. */
export const maxStateNameCharacters = 255;

/**
 * The id of the state that a text means: its whole id, its whole name, or the beginning of one id or one name.
 * @throws CommandError `not_found`, or `ambiguous_state` with the candidates
 */
export const findStateId = async (pool: DatabasePool, text: string): Promise<string> => {
  const { state, stateConfig } = pool.tables;
  const found = await withDatabaseErrors('find the state', () =>
    pool.query<{ readonly id: string; readonly name: string | null; readonly rank: number }>(
      `select s.id, n.data as name,
              case when s.id = $1 then 0 when n.data = $1 then 1 when starts_with(s.id, $1) then 2 else 3 end as rank
         from ${state} s
         left join ${stateConfig} n on n.state_id = s.id and n.attribute = 'name'
        where s.id = $1 or n.data = $1 or starts_with(s.id, $1) or starts_with(n.data, $1)
        order by rank, s.id limit ${shownCandidates + 1}`,
      [text],
    ),
  );
  const best = found.filter(({ rank }) => rank === found[0]?.rank);
  const [only] = best;
  if (only === undefined) {
    throw new CommandError(404, 'not_found', `there is no state whose id or name is or begins with ${text}`);
  }
  if (best.length === 1) return only.id;
  const names = best.slice(0, shownCandidates).map(({ id, name }) => (name === null ? id : `${id} (${name})`));
  const more = best.length > shownCandidates ? ', ...' : '';
  throw new CommandError(409, 'ambiguous_state', `${text} means several states: ${names.join(', ')}${more}`);
};

/** So many candidates are named by an error. */
const shownCandidates = 5;
