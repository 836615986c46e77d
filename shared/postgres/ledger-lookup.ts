import type { TableNames } from './table-names.ts';

/**
 * Ledger rows of the ids of a `text[]` parameter, locked in the order of the array: a select with the columns asked for.
 *
 * A kept plan may have been made while the ledger was empty. Asked for all ids at once, such a plan reads the whole ledger, for as
 * long as it is kept. Asked id by id, the index is the cheaper way on an empty ledger too. The limit changes nothing but the
 * planner's guess (one id), without which it would plan the statement anew each time.
 */
export const ledgerLookup = (
  tables: TableNames,
  ids: string,
  columns: string,
  lock: 'for key share' | 'for no key update',
  condition = '',
): string => `
  select l.* from (select id from unnest(${ids}::text[]) i (id) limit cardinality(${ids}::text[])) i
   cross join lateral (select ${columns} from ${tables.ledger} where message_id = i.id ${condition} ${lock}) l`;
