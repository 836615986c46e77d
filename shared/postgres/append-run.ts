import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { maxStateRows } from '../state/plan-limits.ts';
import type { ColumnDefinition } from '../state/state-model.ts';
import { identityReuse, type IdentityUse } from '../message/content-hash.ts';
import { rejectedDelivery, type AppendDelivery, type AppendedDelivery } from './append-request.ts';
import { bindAppend, bindAppendInTurns, boundBytes, type AppendAnswer } from './append-statement.ts';
import { raiseCount } from './count-drift.ts';
import { constraintOf, sqlStateOf, StaleMetadataError, toDatabaseError } from './database-error.ts';
import type { DatabasePool, Queryable } from './database.ts';
import { missingState } from './missing-state.ts';

/** Deliveries of one state, each id once, whose columns all have ids. */
export interface AppendBatch {
  readonly stateId: string;
  readonly columns: readonly ColumnDefinition[];
  readonly deliveries: readonly AppendDelivery[];
  /** Whether mapping rows that are there already may stay: the same key at the same position, left by another writer. */
  readonly isTolerant?: boolean;
}

/** Stores what the ledger does not know yet, on that connection, and says what it found. */
export type AppendOnce = (pool: DatabasePool, batch: AppendBatch) => Promise<readonly AppendedDelivery[]>;

/** A statement with more is bound in several turns of the event loop; one of this size takes a few milliseconds. */
const maxBytesInOneTurn = 1024 * 1024;

/** Runs the one statement. If it found known ids it wrote nothing; then it runs once more with the rest. */
export const appendStored = async (
  connection: Queryable & Pick<DatabasePool, 'tables'>,
  batch: AppendBatch,
): Promise<readonly AppendedDelivery[]> => {
  const { stateId, columns } = batch;
  const done = new Map<string, AppendedDelivery>();
  let open = batch.deliveries;
  while (open.length > 0) {
    const isLarge = boundBytes(columns.length, open) > maxBytesInOneTurn;
    const bound = [connection.tables, stateId, columns, open, batch.isTolerant] as const;
    const statement = isLarge ? await bindAppendInTurns(...bound) : bindAppend(...bound);
    const answers = await connection.query<AppendAnswer>(statement.text, statement.values, { keepPlan: true });
    if (answers.length === 0) throw await missingState(connection, stateId);
    let start: number | undefined;
    const known = new Map<string, AppendAnswer>();
    for (const answer of answers) {
      if (answer.message_id === null) start = Number(answer.start);
      else known.set(answer.message_id, answer);
    }
    if (start !== undefined && done.size === 0 && known.size === 0) return storedAt(start, open, statement.offsets);
    for (const { id, contentHash } of known.size === 0 ? [] : open) {
      const answer = known.get(id);
      if (answer !== undefined) done.set(id, settledBefore(answer, { id, contentHash, stateId }));
    }
    if (start !== undefined) {
      for (const stored of storedAt(start, open, statement.offsets)) done.set(stored.id, stored);
    }
    open = open.filter(({ id }) => !done.has(id));
  }
  return batch.deliveries.flatMap(({ id }) => done.get(id) ?? []);
};

/**
 * Runs a batch. If the database refuses its data, the batch is halved until the delivery at fault stands alone. That
 * one is `rejected`; the others are stored in their order (reference.md G-3).
 *
 * @throws RetryableError; deliveries of halves that committed before it are known to the ledger.
 */
export const runIsolated = async (
  pool: DatabasePool,
  batch: AppendBatch,
  once: AppendOnce,
): Promise<readonly AppendedDelivery[]> => {
  try {
    return await runMended(pool, batch, once);
  } catch (error) {
    if (!(error instanceof TerminalError)) {
      throw error instanceof RetryableError ? error : toDatabaseError(error, `append to state ${batch.stateId}`);
    }
    const [only, ...others] = batch.deliveries;
    if (only === undefined) throw error;
    if (others.length === 0) return [rejectedDelivery(only.id, error)];
    const middle = Math.ceil(batch.deliveries.length / 2);
    const first = await runIsolated(pool, planned(batch, batch.deliveries.slice(0, middle)), once);
    const second = await runIsolated(pool, planned(batch, batch.deliveries.slice(middle)), once);
    return [...first, ...second];
  }
};

const storedAt = (
  start: number,
  deliveries: readonly AppendDelivery[],
  offsets: readonly (number | null)[],
): readonly AppendedDelivery[] =>
  deliveries.map(({ id, rowCount, forwards }, index) => {
    const offset = offsets[index] ?? null;
    const startIndex = offset === null ? null : start + offset;
    return { id, status: 'stored', startIndex, rowCount, forwarded: !forwards };
  });

/** What the ledger says of a delivery: that it was applied, or that its id is another message's. */
const settledBefore = (answer: AppendAnswer, delivery: IdentityUse & Pick<AppendDelivery, 'id'>): AppendedDelivery => {
  const { id } = delivery;
  const error = identityReuse({ contentHash: answer.content_hash, stateId: answer.state_id }, delivery);
  if (error !== undefined) return rejectedDelivery(id, error);
  return {
    id,
    status: 'duplicate',
    startIndex: answer.start === null ? null : Number(answer.start),
    rowCount: answer.row_count ?? 0,
    forwarded: answer.forwarded === true,
  };
};

const maxAttempts = 6;

const runMended = async (
  pool: DatabasePool,
  batch: AppendBatch,
  once: AppendOnce,
): Promise<readonly AppendedDelivery[]> => {
  let reconnected = false;
  let isTolerant = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(pool, isTolerant ? { ...batch, isTolerant } : batch);
    } catch (error) {
      // Not from the start: looking for conflicts costs every append 4 %.
      isTolerant ||= constraintOf(error).startsWith('state_column_data_mapping');
      if (sqlStateOf(error) === '23503') {
        throw new StaleMetadataError('database_conflict', `a column of state ${batch.stateId} was deleted`, {
          cause: error,
        });
      }
      const broken: boolean = !reconnected && isBrokenConnection(error);
      reconnected ||= broken;
      const again = broken || (attempt < maxAttempts && (await mend(pool, batch, error)) === 'again');
      if (!again) throw toDatabaseError(error, `append to state ${batch.stateId}`);
    }
  }
};

const isBrokenConnection = (error: unknown): boolean => {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    code === '57P01' ||
    (code === undefined && /^Connection (terminated|ended)/.test(String(message)))
  );
};

/**
 * Mends what can be mended here and now: the same message being applied elsewhere, positions taken by a writer that
 * does not lock, a deadlock, a connection that had died while idle. Running again is safe, because the ledger decides
 * each time.
 */
const mend = async (
  pool: DatabasePool,
  { stateId, deliveries }: AppendBatch,
  error: unknown,
): Promise<'again' | 'fail'> => {
  const rows = deliveries.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const state = sqlStateOf(error);
  if (state === '40001' || state === '40P01') return 'again';
  if (state === '22003') await requireRows(pool, stateId, rows);
  if (state === '23505') {
    if (!isTakenPosition(error)) return 'again';
    try {
      await raiseCount(pool, pool.tables, stateId);
      return 'again';
    } catch (cause) {
      // Whatever stands in the way of mending the state is not the fault of these deliveries' data.
      const known = toDatabaseError(cause, `raise the count of state ${stateId}`);
      throw known instanceof TerminalError
        ? new RetryableError('database_misconfigured', known.message, { cause })
        : known;
    }
  }
  return 'fail';
};

/** A number was too large: whether it was the count of the state's rows. Throws `TerminalError('state_full')`. */
const requireRows = async (pool: DatabasePool, stateId: string, rows: number): Promise<void> => {
  const statement = `select count from ${pool.tables.state} where id = $1`;
  const [found] = await pool.query<{ count: number }>(statement, [stateId]);
  if (found === undefined || found.count + rows <= maxStateRows) return;
  throw new TerminalError(
    'state_full',
    `state ${stateId} has ${found.count} rows; ${rows} more are over the ${maxStateRows} that a state can have`,
  );
};

/** The unique index of the cells by its name, or (another name in an older installation) by its table. */
const isTakenPosition = (error: unknown): boolean =>
  constraintOf(error).startsWith('state_column_data_') && !constraintOf(error).startsWith('state_column_data_mapping');

const planned = (batch: AppendBatch, deliveries: readonly AppendDelivery[]): AppendBatch => ({ ...batch, deliveries });
