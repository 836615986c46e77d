import type { HistoryRow } from './history.ts';

/** A kind of message that is meant to do harm, and what is said of it. Each is small on the wire. */
export interface Hostile {
  readonly kind: string;
  readonly codes: readonly string[];
  readonly body: (envelope: Record<string, unknown>, rows: readonly HistoryRow[]) => string;
}

/** Rows of one value each that carry a long text along: 30 KB become 3,000 times as much. */
const multiplied = (row: HistoryRow): unknown => ({
  ...row,
  doc: 'x'.repeat(30_000),
  items: Array.from({ length: 3_000 }, () => 0),
});

/** A row's message may be longer than the name of a column. */
const manyColumns = (row: HistoryRow): unknown => ({
  ...row,
  ...Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`${row.message.slice(-60)} ${index}`, '1'])),
});

/** Half a megabyte of objects with one member: many times that in memory. */
const dense = (row: HistoryRow): string =>
  JSON.stringify({ ...row, note: 'dense' }).replace('"dense"', `[${'{"1":0},'.repeat(60_000)}{"1":0}]`);

export const hostiles: readonly Hostile[] = [
  {
    kind: 'rows that multiply',
    codes: ['expansion_too_large', 'too_many_rows'],
    body: (envelope, rows) => JSON.stringify({ ...envelope, query_state: [multiplied(rows[0]!)] }),
  },
  {
    kind: 'columns without end',
    codes: ['too_many_columns'],
    body: (envelope, rows) => JSON.stringify({ ...envelope, query_state: [manyColumns(rows[0]!)] }),
  },
  {
    kind: 'values without end',
    codes: ['payload_too_large', 'expansion_too_large', 'too_many_rows'],
    body: (envelope, rows) =>
      JSON.stringify({ ...envelope, query_state: 0 }).replace('"query_state":0', `"query_state":[${dense(rows[0]!)}]`),
  },
];

/** What a message of a state with this computed column asks for: a text of so many characters. */
export const computedColumn = { name: 'made', value: 'len("x" * int(query_state["size"]))', callable: true } as const;

/** For such a state: a text that is larger than any memory. */
export const greedy: Hostile = {
  kind: 'an expression without end',
  codes: ['expression_limit'],
  body: (envelope, rows) => JSON.stringify({ ...envelope, query_state: [{ ...rows[0]!, size: '99999999999' }] }),
};
