import { textArray } from './array-literal.ts';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/** A dead letter that was sent with other content: the one names the other. */
export interface LetterEdit {
  /** Of the new message. */
  readonly identity: string;
  /** Of the message that was given up. */
  readonly editedFrom: string;
  /** Of its dead letter. */
  readonly sequence: number;
  readonly actor: string;
  readonly code: string;
  readonly reason: string;
}

export interface StoredLetterEdit extends LetterEdit {
  /** RFC 3339, by the clock of the database. */
  readonly time: string;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Keeps both contents for a year. The same edit once more changes nothing. */
export const keepLetterEdit = async (
  pool: DatabasePool,
  edit: LetterEdit & { readonly before: Uint8Array; readonly after: Uint8Array },
): Promise<void> => {
  const { letterEdit } = pool.tables;
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  await withDatabaseErrors('keep the content of an edited dead letter', () =>
    pool.query(
      `with gone as (delete from ${letterEdit} where at < now() - interval '1 year')
       insert into ${letterEdit} (identity, edited_from, sequence, actor, code, reason, before, after)
       values ($1, $2, $3, left($4, 255), left($5, 60), $6, decode($7, 'base64'), decode($8, 'base64'))
       on conflict (identity) do nothing`,
      [
        edit.identity,
        edit.editedFrom,
        edit.sequence,
        edit.actor,
        edit.code,
        edit.reason,
        base64(edit.before),
        base64(edit.after),
      ],
    ),
  );
};

/** The edits that the messages were made by or ended in, the newest first. @param identities of messages, old or new ones */
export const readLetterEdits = (
  pool: DatabasePool,
  identities: readonly string[],
): Promise<readonly StoredLetterEdit[]> =>
  readEdits(pool, 'identity = any($1::text[]) or edited_from = any($1::text[])', textArray(identities));

/** The last edit of a dead letter that had this place in its stream; undefined if there is none. */
export const readEditOfLetter = async (pool: DatabasePool, sequence: number): Promise<StoredLetterEdit | undefined> =>
  (await readEdits(pool, 'sequence = $1::float8::bigint', sequence))[0];

const readEdits = async (
  pool: DatabasePool,
  condition: string,
  value: string | number,
): Promise<readonly StoredLetterEdit[]> => {
  const rows = await withDatabaseErrors('read edits of dead letters', () =>
    pool.query<LetterEdit & { readonly time: string; readonly before: string; readonly after: string }>(
      `select identity, edited_from as "editedFrom", sequence::float8 as sequence, actor, code, reason,
              to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as time,
              encode(before, 'base64') as before, encode(after, 'base64') as after
         from ${pool.tables.letterEdit} where ${condition}
        order by at desc limit ${maxEdits}`,
      [value],
    ),
  );
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
  return rows.map((row) => ({ ...row, before: bytes(row.before), after: bytes(row.after) }));
};

const maxEdits = 20;
