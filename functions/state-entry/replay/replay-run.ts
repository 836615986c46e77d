import { createHash } from 'node:crypto';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import { isJsonObject, memberOf, type JsonValue } from '../../../shared/json/json-value.ts';
import type { Delivery } from '../../../shared/message/delivery.ts';

/**
 * How far a replay is. It is the same for every attempt at a delivery, and is handed on from one delivery to the next.
 */
export interface ReplayRun {
  /** 32 hex digits: what the ids of all its messages begin with. */
  readonly replayId: string;
  /** 8 hex digits, on every row. */
  readonly runId: string;
  /** ISO 8601 in UTC with microseconds and `+00:00`, on every row. */
  readonly runCreatedAt: string;
  /** Position of the next row. */
  readonly offset: number;
  /** Rows of the state when the replay began: what came later has been passed on by itself. */
  readonly total: number;
}

/**
 * The run of a first delivery (reference.md F.3); derived from its identity. The reference draws a random one.
 */
export const startRun = (delivery: Delivery, routeId: string, total: number): ReplayRun => {
  const replayId = createHash('sha256').update(`${delivery.id}\n${routeId}`).digest('hex').slice(0, 32);
  return {
    replayId,
    runId: replayId.slice(0, 8),
    runCreatedAt: isoMicroseconds(delivery.timestampMs),
    offset: 0,
    total,
  };
};

/**
 * The run that a continuation message hands on, or undefined for a first one. Throws TerminalError `invalid_envelope`.
 */
export const continuedRun = (delivery: Delivery): ReplayRun | undefined => {
  const member = memberOf(delivery.message, 'continuation');
  if (member === undefined || member === null) return undefined;
  const read = (key: string): JsonValue | undefined => (isJsonObject(member) ? memberOf(member, key) : undefined);
  const replayId = matching(read('replay_id'), /^[0-9a-f]{32}$/);
  const runId = matching(read('run_id'), /^[0-9a-f]{8}$/);
  const runCreatedAt = matching(read('run_created_at'), /^[0-9:.T+-]{19,35}$/);
  const offset = count(read('offset'));
  const total = count(read('total'));
  if (
    replayId === undefined ||
    runId === undefined ||
    runCreatedAt === undefined ||
    offset === undefined ||
    total === undefined
  ) {
    throw new TerminalError('invalid_envelope', 'the continuation of the replay is incomplete');
  }
  return { replayId, runId, runCreatedAt, offset, total };
};

const isoMicroseconds = (timestampMs: number): string => new Date(timestampMs).toISOString().replace('Z', '000+00:00');

const matching = (value: JsonValue | undefined, pattern: RegExp): string | undefined =>
  typeof value === 'string' && pattern.test(value) ? value : undefined;

const count = (value: JsonValue | undefined): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
