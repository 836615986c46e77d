import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { reasonOf } from '../message/to-outcome.ts';
import type { AdoptedRows } from '../postgres/adopt-rows.ts';
import type { StatePage } from '../postgres/read-page.ts';
import type { StateModel } from '../state/state-model.ts';
import { matchStored, type Match } from './match-stored.ts';
import {
  comparedColumns,
  planUnsettled,
  rowDigest,
  type UnsettledMessage,
  type UnsettledPlan,
  type UnsettledPorts,
} from './plan-unsettled.ts';

/** What taking over needs of the world beside the plan's needs. */
export interface TakeOverPorts extends UnsettledPorts {
  /** The ids that the ledger knows. */
  knownIds(ids: readonly string[]): Promise<ReadonlySet<string>>;
  readPage(model: StateModel, columns: StateModel['columns'], offset: number, limit: number): Promise<StatePage>;
  /** Rows of the state from a position on that the ledger gives to messages. */
  ledgerRows(stateId: string, from: number): Promise<readonly { readonly start: number; readonly rows: number }[]>;
  /** Writes ledger rows. @throws StaleMetadataError if the state's count is another one by now */
  adopt(stateId: string, count: number, rows: readonly AdoptedRows[]): Promise<number>;
}

export interface TakeOverOptions {
  /** False: a dry run that only says what would be done. */
  readonly apply: boolean;
  /** Last rows of each state that are looked at, at most. */
  readonly maxRows: number;
}

/** One state's messages. */
export interface StateTakeOver {
  readonly stateId: string;
  readonly stored: number;
  readonly notStored: number;
  readonly ambiguous: readonly { readonly sequence: number; readonly id: string; readonly reason: string }[];
  /** Ledger rows that were written; 0 in a dry run. */
  readonly adopted: number;
}

export interface TakeOverReport {
  readonly states: readonly StateTakeOver[];
  /** Messages that the ledger knows: they were ours already. */
  readonly known: number;
  /** Messages that cannot be planned: the store tries them as any other, and gives them up with the same reason. */
  readonly unplanned: readonly { readonly sequence: number; readonly code: string; readonly reason: string }[];
}

/**
 * Finds which unsettled messages the service before us has stored, and gives those their ledger row, so that their next
 * delivery stores nothing and is passed on. `matchStored` decides. What is ambiguous is left alone: it will be stored again.
 *
 * @param messages in the order of their stream
 * @throws RetryableError of the database
 */
export const takeOver = async (
  messages: AsyncIterable<UnsettledMessage>,
  ports: TakeOverPorts,
  options: TakeOverOptions,
): Promise<TakeOverReport> => {
  const plans = new Map<string, UnsettledPlan[]>();
  const unplanned: { sequence: number; code: string; reason: string }[] = [];
  let known = 0;
  for await (const message of messages) {
    if ((await ports.knownIds([message.id])).has(message.id)) {
      known += 1;
      continue;
    }
    try {
      const plan = await planUnsettled(message, ports);
      if (plan === undefined) continue;
      const ofState = plans.get(plan.stateId);
      if (ofState === undefined) plans.set(plan.stateId, [plan]);
      else ofState.push(plan);
    } catch (error) {
      if (error instanceof RetryableError && !error.code.startsWith('unknown_')) throw error;
      const isKnown = error instanceof RetryableError || error instanceof TerminalError;
      const code = isKnown ? error.code : 'internal_error';
      unplanned.push({ sequence: message.sequence, code, reason: reasonOf(error) });
    }
  }
  const states: StateTakeOver[] = [];
  for (const [stateId, ofState] of plans) states.push(await takeOverState(stateId, ofState, ports, options));
  return { states, known, unplanned };
};

const takeOverState = async (
  stateId: string,
  plans: readonly UnsettledPlan[],
  ports: TakeOverPorts,
  { apply, maxRows }: TakeOverOptions,
): Promise<StateTakeOver> => {
  const model = await ports.metadata.state(stateId);
  const { count, start, rows } = await readLastRows(model, wantedRows(plans, maxRows), ports);
  const matches = matchStored(plans, { start, rows });
  const found = matches.map((match, at) => withDoubt(match, plans[at]!, start > 0 && rows.length < plannedRows(plans)));
  const adopted = found.flatMap((match, at): AdoptedRows[] => {
    if (match.found !== 'stored') return [];
    const { id, startIndex, rowCount } = match;
    return [{ id, startIndex, rowCount, contentHash: plans[at]!.contentHash }];
  });
  return {
    stateId,
    stored: adopted.length,
    notStored: found.filter((match) => match.found === 'not_stored').length,
    ambiguous: found.flatMap((match, at) =>
      match.found === 'ambiguous' ? [{ sequence: plans[at]!.sequence, id: match.id, reason: match.reason }] : [],
    ),
    adopted: apply && adopted.length > 0 ? await ports.adopt(stateId, count, adopted) : 0,
  };
};

const plannedRows = (plans: readonly UnsettledPlan[]): number => plans.reduce((sum, { rows }) => sum + rows.length, 0);

/** Rows beyond those of the messages show whether settled messages had the same content. */
const leastRows = 1_000;

const wantedRows = (plans: readonly UnsettledPlan[], maxRows: number): number =>
  Math.min(maxRows, Math.max(leastRows, 2 * plannedRows(plans)));

/** What cannot be recognised is never taken for stored; what would lie outside of the rows that were read may be there. */
const withDoubt = (match: Match, { id, doubt }: UnsettledPlan, isCut: boolean): Match => {
  if (doubt !== undefined) return { id, found: 'ambiguous', reason: doubt };
  if (isCut && match.found === 'not_stored') {
    return { id, found: 'ambiguous', reason: 'the messages have more rows than were looked at: raise --rows' };
  }
  return match;
};

/** Positions in a page: bounds the cells in memory. */
const pageRows = 500;

const readLastRows = async (
  model: StateModel,
  wanted: number,
  ports: TakeOverPorts,
): Promise<{ readonly count: number; readonly start: number; readonly rows: readonly (string | null)[] }> => {
  const columns = comparedColumns(model);
  const { count } = await ports.readPage(model, columns, 0, 0);
  const start = Math.max(0, count - wanted);
  const rows: (string | null)[] = [];
  for (let offset = start; offset < count; offset += pageRows) {
    const page = await ports.readPage(model, columns, offset, Math.min(pageRows, count - offset));
    for (const row of page.rows) rows.push(rowDigest(row));
  }
  for (const owned of await ports.ledgerRows(model.id, start)) {
    const from = Math.max(0, owned.start - start);
    rows.fill(null, from, Math.max(from, Math.min(rows.length, owned.start - start + owned.rows)));
  }
  return { count, start, rows };
};
