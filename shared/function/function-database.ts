import { createAppendQueue } from '../postgres/append-queue.ts';
import type { AppendRequest, AppendResult } from '../postgres/append-request.ts';
import type { DatabasePool } from '../postgres/database.ts';
import {
  markForwarded,
  readLedger,
  recordHandled,
  type HandledDelivery,
  type LedgerEntry,
} from '../postgres/ledger.ts';
import { readPage, type PageRequest, type StatePage } from '../postgres/read-page.ts';

/** What functions ask of the database beside metadata; every method throws the coded errors of its statement. */
export interface FunctionDatabase {
  append(request: AppendRequest): Promise<AppendResult>;
  /** What is known of those ids; the unknown ones are absent. */
  readLedger(ids: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>>;
  markForwarded(ids: readonly string[]): Promise<void>;
  recordHandled(handled: readonly HandledDelivery[]): Promise<void>;
  readPage(request: PageRequest): Promise<StatePage>;
}

/** The database behind the pool; appends of different states that wait together share a statement. */
export const functionDatabase = (pool: DatabasePool): FunctionDatabase => ({
  append: createAppendQueue(pool),
  readLedger: (ids) => readLedger(pool, ids),
  markForwarded: (ids) => markForwarded(pool, ids),
  recordHandled: (handled) => recordHandled(pool, handled),
  readPage: (request) => readPage(pool, request),
});
