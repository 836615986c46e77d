import type { TerminalError } from '../errors/sync-error.ts';
import type { ColumnCells } from '../state/column-cells.ts';
import type { ColumnDefinition } from '../state/state-model.ts';

/** One delivery's rows for one state, rendered to cell texts. */
export interface AppendDelivery {
  readonly id: string;
  readonly rowCount: number;
  /** Per column, aligned with `AppendRequest.columns`. */
  readonly cells: readonly ColumnCells[];
  /** Per row the `state_key`, or null if the row has none. */
  readonly stateKeys: readonly (string | null)[];
  /** Whether anything is to be forwarded after the commit: if not, the ledger row is written as done. */
  /** About what its cells take in a statement. */
  readonly bytes: number;
  readonly forwards: boolean;
  /** Of its payload, 32 hex digits: another message under its id is rejected as `identity_reused`. Null: not known. */
  readonly contentHash: string | null;
}

/** Everything one state gets in one statement. */
export interface AppendRequest {
  readonly stateId: string;
  /** Every column of the state, known ones (with id) first in load order, then the ones to create. */
  readonly columns: readonly ColumnDefinition[];
  readonly deliveries: readonly AppendDelivery[];
  /** `dedup_enabled`: a row whose key is already mapped (or came earlier in the request) is not stored. */
  readonly dedupe: boolean;
}

/** What became of one delivery of an append. */
export type AppendedDelivery = StoredDelivery | RejectedDelivery;

export interface StoredDelivery {
  readonly id: string;
  /** `duplicate`: the ledger knew it; nothing was stored now. */
  readonly status: 'stored' | 'duplicate';
  /** First position of its rows, null if it stored none. */
  readonly startIndex: number | null;
  /** How many rows it stored, now or the first time; with `dedupe` that may be fewer than were sent. */
  readonly rowCount: number;
  /** Whether the ledger says that its forwards have all been confirmed. */
  readonly forwarded: boolean;
  /** Only with `dedupe`: which of the delivery's rows were stored, ascending; the same again for a duplicate. */
  readonly storedRows?: readonly number[];
}

/**
 * Its data cannot be stored, which only the database could tell, or its id was another message's before; the other deliveries
 * of the request are unharmed.
 */
export interface RejectedDelivery {
  readonly id: string;
  readonly status: 'rejected';
  readonly startIndex: null;
  readonly rowCount: 0;
  readonly forwarded: false;
  readonly error: TerminalError;
}

export const rejectedDelivery = (id: string, error: TerminalError): RejectedDelivery => ({
  id,
  status: 'rejected',
  startIndex: null,
  rowCount: 0,
  forwarded: false,
  error,
});

export interface AppendResult {
  readonly deliveries: readonly AppendedDelivery[];
  /** The request's columns with their ids, as the database has them now. */
  readonly columns: readonly ColumnDefinition[];
}
