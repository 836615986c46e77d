import { randomUUID } from 'node:crypto';
import type { Random } from './random.ts';
import { killerMember } from './failpoints.ts';
import { greedy, hostiles } from './hostile.ts';

/** How messages reach a state, and what becomes of its rows. */
export interface StatePlan {
  readonly name: string;
  readonly types: readonly ('query_state_direct' | 'query_state_route')[];
  readonly keyed: boolean;
  readonly dedupe: boolean;
  /** Null: nothing is forwarded. */
  readonly dispatch: 'batch' | 'individual' | null;
  /** Its messages have no `Nats-Msg-Id`: their place in the stream is what tells one from another. */
  readonly nameless?: boolean;
  /** Its rows get one more column, made by an expression of the state. */
  readonly computed?: boolean;
  /** One message of a kind that takes seconds: one that kills its function, or one that names what is not there. */
  readonly slowPoison?: 'killer' | 'stray';
}

const direct = ['query_state_direct'] as const;
const route = ['query_state_route'] as const;

/** Every way through the store: both types, keys or none, both kinds of forwards or none, and the path of `dedup_enabled`. */
export const statePlans: readonly StatePlan[] = [
  { name: 'direct-batch', types: direct, keyed: true, dedupe: false, dispatch: 'batch', slowPoison: 'killer' },
  { name: 'direct-individual', types: direct, keyed: false, dedupe: false, dispatch: 'individual' },
  { name: 'direct-quiet', types: direct, keyed: true, dedupe: false, dispatch: null, slowPoison: 'stray' },
  { name: 'route-batch', types: route, keyed: false, dedupe: false, dispatch: 'batch', slowPoison: 'stray' },
  { name: 'route-individual', types: route, keyed: true, dedupe: false, dispatch: 'individual', slowPoison: 'killer' },
  { name: 'route-dedupe', types: route, keyed: true, dedupe: true, dispatch: 'individual' },
  { name: 'direct-nameless', types: direct, keyed: false, dedupe: false, dispatch: 'batch', nameless: true },
  { name: 'direct-computed', types: direct, keyed: false, dedupe: false, dispatch: null, computed: true },
  // Two functions write to this one at the same time: its order is not promised.
  { name: 'mixed', types: [...direct, ...route], keyed: true, dedupe: false, dispatch: 'batch' },
];

/** A state of a run with the ids that it has in the database. */
export interface ChaosState extends StatePlan {
  readonly stateId: string;
  readonly outputRouteId: string;
  readonly inputRouteIds: readonly string[];
}

/** The columns that every row of the history has. */
export const rowColumns = ['message', 'row', 'size', 'note'] as const;
export type HistoryRow = Readonly<Record<(typeof rowColumns)[number], string>>;

/** One message as it is published. */
export interface HistoryMessage {
  /** Its `Nats-Msg-Id`, if its state is not nameless; each row names it too. */
  readonly id: string;
  readonly state: ChaosState;
  readonly body: Uint8Array;
  readonly rows: readonly HistoryRow[];
  /**
   * Published once, without an id, and no server has confirmed it: it is there, whole, or not at all. To publish it again would
   * be to publish another one.
   */
  readonly unsure?: boolean;
  /** The codes of which its dead letter has one; absent: it is to be stored. */
  readonly poison?: { readonly kind: string; readonly codes: readonly string[] };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const rowsOf = (id: string, count: number, random: Random): HistoryRow[] =>
  Array.from({ length: count }, (_, row) => ({
    message: id,
    row: String(row),
    size: String(count),
    note: random.chance(0.1)
      ? `Größe "${String(random.between(1, 9))}", 東京 \\ ${'x'.repeat(random.between(0, 400))}`
      : 'n',
  }));

/** Text that the run's database refuses (see `createStates`): only it can tell. */
export const refusedNote = 'refuse this';

interface Poison {
  readonly kind: string;
  readonly codes: readonly string[];
  readonly body: (envelope: Record<string, unknown>, rows: readonly HistoryRow[]) => string | Uint8Array;
}

/** Kinds of messages that can never be stored, and what is said of them. */
const poisons: readonly Poison[] = [
  { kind: 'no JSON', codes: ['invalid_json'], body: (envelope) => JSON.stringify(envelope).slice(0, -7) },
  { kind: 'no UTF-8', codes: ['invalid_json'], body: () => Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d) },
  { kind: 'no object', codes: ['invalid_envelope'], body: () => '[1, 2, 3]' },
  {
    kind: 'unknown type',
    codes: ['unknown_type'],
    body: (envelope) => JSON.stringify({ ...envelope, type: 'query_chaos' }),
  },
  {
    kind: 'no key',
    codes: ['missing_state_id', 'missing_route_id'],
    body: ({ state_id: _state, route_id: _route, ...envelope }) => JSON.stringify(envelope),
  },
  {
    kind: 'no rows',
    codes: ['missing_query_state'],
    body: (envelope) => JSON.stringify({ ...envelope, query_state: [] }),
  },
  {
    kind: 'rows of the wrong type',
    codes: ['invalid_query_state'],
    body: (envelope) => JSON.stringify({ ...envelope, query_state: ['text'] }),
  },
  {
    kind: 'text that only the database refuses',
    codes: ['database_rejected'],
    body: (envelope, rows) =>
      JSON.stringify({ ...envelope, query_state: rows.map((row) => ({ ...row, note: refusedNote })) }),
  },
];

/** Parts of ids that something on the way cannot hold as they are. */
const oddities = ['\t', '\u0007', ' ä', '%09', `/${'x'.repeat(300)}`] as const;

const slowPoisons = {
  killer: {
    kind: 'kills its function',
    codes: ['function_killed'],
    body: (envelope: Record<string, unknown>) => JSON.stringify({ ...envelope, [killerMember]: true }),
  },
  stray: {
    kind: 'unknown state or route',
    codes: ['unknown_state', 'unknown_route'],
    body: (envelope: Record<string, unknown>) =>
      JSON.stringify({
        ...envelope,
        ...('state_id' in envelope ? { state_id: randomUUID() } : { route_id: randomUUID() }),
      }),
  },
} as const;
/** The slow one is among the first messages, so that there is time to work off what waits behind it. */
const slowPoisonAt = 60;

export interface HistoryOptions {
  readonly random: Random;
  readonly state: ChaosState;
  /** Makes ids unique over rounds. */
  readonly prefix: string;
  readonly poisonShare: number;
  /** Whether the slow kind of the state's plan is among them. */
  readonly slowPoison: boolean;
  /** Whether the producer means harm too: see `hostile.ts`. */
  readonly isHostile: boolean;
}

/** An endless supply of messages for one state, the same for the same seed. */
export const createHistory = ({ random, state, prefix, poisonShare, slowPoison, isHostile }: HistoryOptions) => {
  let count = 0;
  const bad: readonly Poison[] = isHostile
    ? [...poisons, ...hostiles, ...(state.computed === true ? [greedy] : [])]
    : poisons;
  /** Good messages whose ids have not been used again yet. */
  const reusable: string[] = [];
  return (): HistoryMessage => {
    const number = (count += 1);
    // Ids that neither a header nor a database holds as they are, among others.
    const odd = isHostile && state.nameless !== true && random.chance(0.05) ? random.pick(oddities) : '';
    const id = `${prefix}-${state.name}-${String(number)}${odd === '' ? '' : `${odd}.`}`;
    const type = random.pick(state.types);
    const rows = rowsOf(id, random.chance(0.3) ? random.between(4, 20) : random.between(1, 3), random);
    const target = type === 'query_state_direct' ? { state_id: state.stateId } : { route_id: state.outputRouteId };
    const envelope = { type, ...target, query_state: rows };
    const slow = slowPoison && count === slowPoisonAt ? state.slowPoison : undefined;
    if (state.nameless === true || (slow === undefined && !random.chance(poisonShare))) {
      if (isHostile && state.nameless !== true && state.types.length === 1 && number % 20 === 0) reusable.push(id);
      return { id, state, rows, body: bytes(JSON.stringify(envelope)) };
    }
    const reused =
      isHostile && slow === undefined && random.chance(0.2) && reusable.length > 2 ? reusable.shift() : undefined;
    if (reused !== undefined) {
      const body = bytes(
        JSON.stringify({ ...envelope, query_state: rows.map((row) => ({ ...row, note: 'another' })) }),
      );
      return { id: reused, state, rows: [], body, poison: { kind: 'an id used again', codes: ['identity_reused'] } };
    }
    const poison = slow === undefined ? random.pick(bad) : slowPoisons[slow];
    const body = poison.body(envelope, rows);
    return {
      id,
      state,
      rows: [],
      body: typeof body === 'string' ? bytes(body) : body,
      poison: { kind: poison.kind, codes: poison.codes },
    };
  };
};
