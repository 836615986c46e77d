import type { SourceChange } from '../support/source-changes.ts';

/**
 * What the store would be without one of its guarantees: a checker that stays green with any of these is worth nothing.
 */
export const mutations = {
  /** A redelivery is not recognised. */
  'ledger-off': [
    {
      file: 'shared/postgres/append-statement.ts',
      find: `ledgerLookup(tables, '$3', ledgerColumns, 'for key share')`,
      replace: `ledgerLookup(tables, '$3', ledgerColumns, 'for key share', 'and false')`,
    },
    {
      file: 'shared/postgres/append-statement.ts',
      find: `l (id, first, rows, forwarded, hash)),`,
      replace: `l (id, first, rows, forwarded, hash) where false),`,
    },
    {
      file: 'shared/postgres/append-many-statement.ts',
      find: `lateral (select from \${tables.ledger} where message_id = i.id) l),`,
      replace: `lateral (select from \${tables.ledger} where message_id = i.id and false) l),`,
    },
    {
      file: 'shared/postgres/append-many-statement.ts',
      find: `   where s.starts[l.state] is not null),`,
      replace: `   where false),`,
    },
  ],
  /** Messages are acknowledged while their work has only begun. */
  'ack-before-commit': [
    {
      file: 'shared/function/handle-request.ts',
      find: `    return completeOutcomes(deliveries, await withinDeadline(process(deliveries, trace), leftMs, deadlineMs));`,
      replace: `    void withinDeadline(process(deliveries, trace), leftMs, deadlineMs).catch(() => undefined);
    return deliveries.map(({ id }) => ({ id, outcome: 'ack' }) as const);`,
    },
  ],
  /** What the ledger knows counts as forwarded. */
  'forwards-skipped-on-hit': [
    {
      file: 'shared/store/forward-group.ts',
      find: `} else if (result.forwarded || forwards.isEmpty) {`,
      replace: `} else if (result.status === 'duplicate' || result.forwarded || forwards.isEmpty) {`,
    },
  ],
  /** Positions are read first and cells written over what is there, as other writers of these tables do. */
  'no-row-lock': [
    {
      file: 'shared/postgres/append-statement.ts',
      find: `  update \${tables.state} set count = count + $2::int
   where id = $1 and not exists (select from known)
  returning count::bigint - $2::int as start),`,
      replace: `  select count::bigint as start, pg_sleep(0.05) from \${tables.state} where id = $1 and not exists (select from known)),
counted as (
  update \${tables.state} set count = (select start from reserved) + $2::int
   where id = $1 and exists (select from reserved)),`,
    },
    {
      file: 'shared/postgres/append-statement.ts',
      find: `    from reserved r, unnest(\${ids}::bigint[]) with ordinality c (id, n)\`;`,
      replace: `    from reserved r, unnest(\${ids}::bigint[]) with ordinality c (id, n)
      on conflict (column_id, data_index) do update set \${target} = excluded.\${target}\`;`,
    },
  ],
} as const satisfies Readonly<Record<string, readonly SourceChange[]>>;

export type MutationName = keyof typeof mutations;
