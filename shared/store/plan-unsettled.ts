import { createHash } from 'node:crypto';
import { TerminalError } from '../errors/sync-error.ts';
import { memberOf } from '../json/json-value.ts';
import { parseJson } from '../json/parse-json.ts';
import { contentHash } from '../message/content-hash.ts';
import { readEnvelope } from '../message/envelope.ts';
import type { Metadata } from '../metadata/cached-metadata.ts';
import { cellList } from '../state/column-cells.ts';
import type { EvaluatorFactory } from '../state/evaluator.ts';
import { planAppend } from '../state/plan-append.ts';
import { runAtOnce } from '../state/steps.ts';
import type { ColumnDefinition, StateModel } from '../state/state-model.ts';
import { findDirectTarget, findRouteTarget, type FindTarget } from './find-target.ts';

/** A message that was given to a durable and not settled. */
export interface UnsettledMessage {
  /** Delivery identity. */
  readonly id: string;
  readonly sequence: number;
  readonly timestampNs: string;
  readonly payload: Uint8Array;
}

/** What the last rows of the state are compared with. */
export interface UnsettledPlan {
  readonly id: string;
  readonly sequence: number;
  readonly stateId: string;
  /** Null if a delivery may have another one: white space around the payload is not always passed on. */
  readonly contentHash: string | null;
  /** One digest per row, see {@link rowDigest}. */
  readonly rows: readonly string[];
  /** Why its rows cannot be recognised; undefined if they can. */
  readonly doubt: string | undefined;
}

export interface UnsettledPorts {
  readonly metadata: Pick<Metadata, 'state' | 'route' | 'findProcessor' | 'findProvider'>;
  evaluators(): Promise<EvaluatorFactory>;
  /** What one message may become in memory. */
  readonly maxExpandedBytes: number;
  /** JSON texts as the database writes them. */
  storedJson(texts: readonly (string | null)[]): Promise<readonly (string | null)[]>;
}

/**
 * Plans a message as the service before us stored it: lists are flattened with its losses, and a column that it did not
 * know is a doubt.
 *
 * @returns undefined if the message is not one for a state.
 * @throws what its plan fails with; RetryableError `unknown_state`, `unknown_route`, and of the database
 */
export const planUnsettled = async (
  message: UnsettledMessage,
  ports: UnsettledPorts,
): Promise<UnsettledPlan | undefined> => {
  const { id, sequence, payload, timestampNs } = message;
  const text = decode(payload);
  const envelope = readEnvelope(parseJson(text));
  const findTarget = finders.get(envelope.type);
  if (findTarget === undefined) return undefined;
  const { stateId, scope } = await findTarget.find(findTarget.idOf(envelope), ports.metadata);
  const model = await ports.metadata.state(stateId);
  const hasCallable = model.columns.some(({ callable }) => callable);
  const steps = planAppend(
    model,
    [
      {
        id,
        queryState: memberOf(envelope.message, 'query_state'),
        scope: typeof scope === 'function' ? (hasCallable ? await scope() : new Map()) : scope,
        timestampMs: Number(timestampNs) / 1e6,
      },
    ],
    {
      flatten: 'reference',
      evaluators: hasCallable ? await ports.evaluators() : noEvaluators,
      maxExpandedBytes: ports.maxExpandedBytes,
    },
  );
  const { columns, deliveries, rejections, dedupe } = runAtOnce(steps);
  for (const { error } of rejections) throw error;
  const { cells, rowCount } = deliveries[0]!.append;
  const compared = comparedColumns(model);
  const texts = await Promise.all(
    compared.map(async (column) => {
      const own = cellList(cells[columns.findIndex(({ name }) => name === column.name)] ?? []);
      return column.dataType === 'json' ? ports.storedJson(own) : own;
    }),
  );
  const rows = Array.from({ length: rowCount }, (_, row) => rowDigest(texts.map((column) => column[row] ?? null)));
  const hash = text.trim() === text ? contentHash(payload) : null;
  return { id, sequence, stateId, contentHash: hash, rows, doubt: doubtOf(model, columns, dedupe, texts) };
};

/**
 * The columns by which a row is recognised: not those whose expression gives another value every time, and not the key,
 * which is made of the others.
 */
export const comparedColumns = (model: StateModel): readonly ColumnDefinition[] =>
  model.columns.filter(({ name, callable, value }) => {
    if (callable && changing.test(value ?? '')) return false;
    return model.primaryKey.length === 0 || (name !== 'state_key' && name !== 'state_key_plain');
  });

/** A row in few bytes: of its cells in the order of {@link comparedColumns}; a missing cell is a null cell. */
export const rowDigest = (cells: readonly (string | null)[]): string =>
  createHash('sha256').update(JSON.stringify(cells)).digest('base64url').slice(0, digestCharacters);

const finders: ReadonlyMap<string, FindTarget> = new Map([
  ['query_state_direct', findDirectTarget],
  ['query_state_route', findRouteTarget],
]);

const noEvaluators: EvaluatorFactory = () => () => {
  throw new TerminalError('invalid_expression', 'expressions are not loaded');
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

const decode = (payload: Uint8Array): string => {
  try {
    return utf8.decode(payload);
  } catch (cause) {
    throw new TerminalError('invalid_json', 'the message is not UTF-8', { cause });
  }
};

/** What an expression may read that is another value every time. */
const changing = /\b(now|utc|random|processor|processor_state|provider)\b/;

/** 132 bits. */
const digestCharacters = 22;

const doubtOf = (
  model: StateModel,
  columns: readonly ColumnDefinition[],
  dedupe: boolean,
  texts: readonly (readonly (string | null)[])[],
): string | undefined => {
  if (dedupe) return 'the state leaves out known keys (dedup_enabled): which rows a message stored cannot be told';
  const isKey = (name: string): boolean =>
    model.primaryKey.length > 0 && (name === 'state_key' || name === 'state_key_plain');
  const created = columns.slice(model.columns.length).filter(({ name }) => !isKey(name));
  if (created.length > 0) return `the state has no column ${created.map(({ name }) => name).join(', ')}`;
  return texts.some((column) => column.some((cell) => cell !== null))
    ? undefined
    : 'no column is left to compare that does not change with time';
};
