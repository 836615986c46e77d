import { setImmediate as nextTurn } from 'node:timers/promises';
import { append } from './append.ts';
import { appendMany, isShareable, rowsOf } from './append-many.ts';
import type { AppendRequest, AppendResult } from './append-request.ts';
import { boundBytes } from './append-statement.ts';
import type { DatabasePool } from './database.ts';

export interface AppendQueueOptions {
  /** Of one statement for several states. */
  readonly maxRows?: number;
  readonly maxBytes?: number;
  /** Statements for several states at the same time: meanwhile more requests gather. */
  readonly maxRunning?: number;
}

/** As `append`, but requests of different states that wait together share a statement. */
export type AppendQueue = (request: AppendRequest) => Promise<AppendResult>;

/**
 * Gathers the requests of a process:
 *
 * - Q1 A request waits for others only while the event loop brings new ones, turn after turn, or while all statements run.
 * - Q2 What cannot share a statement, or is alone, is appended by itself, as is what a shared statement leaves over: its own
 *   statement waits for whom it must, and says what is wrong. It holds up nobody who shares.
 * - Q3 Two requests of one state never share a statement.
 * - Q4 A statement is bounded by rows and bytes, not by states. What is bound in one turn of the event loop takes a few
 *   milliseconds.
 */
export const createAppendQueue = (pool: DatabasePool, options: AppendQueueOptions = {}): AppendQueue => {
  const { maxRows = 2_000, maxBytes = 512 * 1024, maxRunning = 2 } = options;
  let waiting: Waiting[] = [];
  let running = 0;
  let isGathering = false;

  const alone = ({ request, resolve, reject }: Waiting): void => void append(pool, request).then(resolve, reject);

  const run = async (batch: readonly Waiting[]): Promise<void> => {
    // One order for all writers.
    const requests = batch.map(({ request }) => request).sort((one, other) => (one.stateId < other.stateId ? -1 : 1));
    try {
      const stored = await appendMany(pool, requests);
      for (const item of batch) {
        const result = stored.get(item.request);
        if (result === undefined) alone(item);
        else item.resolve(result);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };

  const startOne = (): void => {
    const { batch, rest } = takeBatch(waiting, { maxRows, maxBytes });
    waiting = rest;
    if (batch.length === 1) {
      batch.forEach(alone);
      return;
    }
    running += 1;
    void run(batch).finally(() => {
      running -= 1;
      start();
    });
  };

  const start = (): void => {
    for (let free = maxRunning - running; free > 0 && waiting.length > 0; free = maxRunning - running) startOne();
  };

  const gather = async (): Promise<void> => {
    isGathering = true;
    for (let seen = 0; seen !== waiting.length && waiting.length < maxRows;) {
      seen = waiting.length;
      await nextTurn();
    }
    isGathering = false;
    start();
  };

  return (request) => {
    if (!isShareable(request)) return append(pool, request);
    return new Promise((resolve, reject) => {
      waiting.push({
        request,
        rows: rowsOf(request),
        bytes: boundBytes(request.columns.length, request.deliveries),
        resolve,
        reject,
      });
      if (!isGathering) void gather();
    });
  };
};

interface Waiting {
  readonly request: AppendRequest;
  readonly rows: number;
  readonly bytes: number;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** The first of those that wait, one for each state, as many as fit; one fits always. */
const takeBatch = (
  waiting: readonly Waiting[],
  limits: { readonly maxRows: number; readonly maxBytes: number },
): { readonly batch: Waiting[]; readonly rest: Waiting[] } => {
  const batch: Waiting[] = [];
  const rest: Waiting[] = [];
  const states = new Set<string>();
  let rows = 0;
  let bytes = 0;
  for (const item of waiting) {
    const { stateId } = item.request;
    const fits = batch.length === 0 || (rows + item.rows <= limits.maxRows && bytes + item.bytes <= limits.maxBytes);
    if (fits && !states.has(stateId)) {
      batch.push(item);
      rows += item.rows;
      bytes += item.bytes;
    } else rest.push(item);
    // Later requests of a state stay behind earlier ones.
    states.add(stateId);
  }
  return { batch, rest };
};
