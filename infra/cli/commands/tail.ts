import { setTimeout as sleep } from 'node:timers/promises';
import { parseDeadLetterHeaders } from '../../../shared/message/dead-letter.ts';
import { streamSubjects } from '../../../shared/nats/ensure-stream.ts';
import { watchSubjects, type WatchedMessage } from '../../../shared/nats/watch-subjects.ts';
import { withDatabaseErrors } from '../../../shared/postgres/database-error.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import type { CliCommand, CliContext } from '../cli-command.ts';
import { exitCodes, usageError } from '../cli-io.ts';
import { meantId } from '../meant-id.ts';
import { integerValue, textValue } from '../values.ts';

const kinds = ['received', 'stored', 'forwarded', 'rejected'] as const;
type Kind = (typeof kinds)[number];

/** One thing that happened. */
interface Event {
  readonly time: string;
  readonly kind: Kind;
  readonly id: string;
  readonly state: string | null;
  readonly text: string;
}

export const tail: CliCommand = {
  name: 'tail',
  summary: 'Follow what is received, stored, forwarded and rejected, live',
  usage: '[--state STATE] [--only KINDS]',
  options: {
    state: { type: 'string', value: 'STATE', help: 'Only what names this state: id, name, or how one begins' },
    only: { type: 'string', value: 'KINDS', help: 'received,stored,forwarded,rejected' },
    seconds: { type: 'string', value: 'N', help: 'End after so long' },
  },
  examples: ['state-sync tail', 'state-sync tail --only rejected --json'],
  positionals: { min: 0, max: 0 },
  run: async (context) => {
    const { io, values, output, store } = context;
    const wanted = wantedKinds(textValue(values, 'only'));
    const state = textValue(values, 'state');
    const stateId = state === undefined ? undefined : await meantId(store, 'state', state);
    const seconds = integerValue(values, 'seconds', { min: 1, max: 86_400 });
    const ended = new AbortController();
    const signals = [io.signal, ended.signal, ...(seconds === undefined ? [] : [AbortSignal.timeout(seconds * 1_000)])];
    const signal = AbortSignal.any(signals);
    let writing = Promise.resolve();
    const emit = (event: Event): Promise<void> => {
      if (stateId !== undefined && event.state !== stateId) return writing;
      // One after the other, in the order in which they were heard.
      writing = writing.then(() =>
        output.item(
          event,
          () =>
            `${timeOf(event.time)} ${event.kind.padEnd(9)} ${shortOf(event.state ?? '-')} ${event.id === '' ? '-' : shortOf(event.id)} ${event.text}`,
        ),
      );
      return writing;
    };
    const stop = await watchStreams(context, wanted, (event) => void emit(event));
    try {
      if (wanted.has('stored')) await followLedger(await store.pool(), signal, emit);
      else await sleep(2_147_483_647, undefined, { signal }).catch(() => undefined);
    } finally {
      stop();
      ended.abort();
      await writing;
    }
    return exitCodes.ok;
  },
};

/** The time of day, by UTC; `--json` has the whole. */
const timeOf = (time: string): string => {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? time : new Date(ms).toISOString().slice(11, 23);
};

/** Ids as far as one tells them apart; every command takes the beginning of one. `--json` has the whole. */
const shortOf = (text: string): string =>
  text.replaceAll(/([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '$1');

const wantedKinds = (text: string | undefined): ReadonlySet<Kind> => {
  if (text === undefined) return new Set(kinds);
  const words = text.split(',').map((word) => word.trim());
  const unknown = words.find((word) => !kinds.includes(word as Kind));
  if (unknown !== undefined) throw usageError(`--only takes ${kinds.join(', ')}`);
  return new Set(words as Kind[]);
};

const watchStreams = async (
  { store, io }: CliContext,
  wanted: ReadonlySet<Kind>,
  emit: (event: Event) => void,
): Promise<() => void> => {
  const { routes, triggers, deadLetter } = await store.routing();
  const connection = await (await store.bus()).connection();
  const read = new Set(triggers.map(({ selector }) => selector));
  const now = (): string => new Date(io.nowMs()).toISOString();
  const stops: (() => void)[] = [];
  const watch = async (subjects: readonly string[], onMessage: (message: WatchedMessage) => void): Promise<void> => {
    stops.push(await watchSubjects(connection, subjects, onMessage));
  };
  for (const route of routes.values()) {
    if (!route.jetstreamEnabled || route.selector === 'processor/usage') continue;
    const kind: Kind = read.has(route.selector) ? 'received' : 'forwarded';
    if (!wanted.has(kind)) continue;
    await watch(streamSubjects(route.subject), (message) => {
      const { type, state, route: routeId } = idsOf(message.payload);
      const text = `${message.subject}: ${type}${routeId === null ? '' : ` for ${routeId}`}, ${message.payload.byteLength} bytes`;
      emit({ time: now(), kind, id: messageId(message), state, text });
    });
  }
  if (wanted.has('rejected')) {
    await watch(streamSubjects(deadLetter.subject), (message) => {
      const info = parseDeadLetterHeaders(message.headers);
      emit({
        time: now(),
        kind: 'rejected',
        id: info?.identity ?? '',
        state: idsOf(message.payload).state,
        text: `${info?.code ?? 'unknown'}: ${info?.reason ?? ''}`,
      });
    });
  }
  return () => {
    for (const stop of stops) stop();
  };
};

const idsOf = (
  payload: Uint8Array,
): { readonly type: string; readonly state: string | null; readonly route: string | null } => {
  try {
    const value = JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown> | null;
    const text = (name: string): string | null => (typeof value?.[name] === 'string' ? value[name] : null);
    return { type: text('type') ?? 'no type', state: text('state_id'), route: text('route_id') };
  } catch {
    // Not JSON: the dead letter that it becomes says so.
    return { type: 'not JSON', state: null, route: null };
  }
};

const messageId = (message: WatchedMessage): string =>
  message.headers.find(([name]) => name.toLowerCase() === 'nats-msg-id')?.[1][0] ?? '';

interface LedgerLine {
  readonly id: string;
  readonly state: string | null;
  readonly start: string | null;
  readonly rows: number;
  readonly forwarded: boolean;
  readonly at: string;
}

/** Rows that are asked for at once; if more come in between two looks, the rest comes with the next. */
const pageRows = 500;

const pollMs = 500;

/** Follows the ledger by its time; what commits late behind a later one is found by looking back a little. */
const followLedger = async (
  pool: DatabasePool,
  signal: AbortSignal,
  emit: (event: Event) => Promise<void>,
): Promise<void> => {
  const [start] = await withDatabaseErrors('read the clock of the database', () =>
    pool.query<{ now: string }>(`select now()::text as now`),
  );
  let since = start?.now ?? 'now';
  let seen = new Set<string>();
  while (!signal.aborted) {
    const lines = await withDatabaseErrors('follow the ledger', () =>
      pool.query<LedgerLine>(
        `select message_id as id, state_id as state, start_index::text as start, row_count as rows, forwarded,
                applied_at::text as at
           from ${pool.tables.ledger}
          where applied_at > $1::timestamptz - interval '2 seconds' and applied_at >= $2::timestamptz
          order by applied_at limit ${pageRows + seen.size}`,
        [since, start?.now],
      ),
    );
    const next = new Set<string>();
    for (const line of lines) {
      next.add(line.id);
      since = line.at;
      if (seen.has(line.id)) continue;
      const rows = line.rows === 0 ? 'no rows' : `${line.rows} rows from position ${line.start}`;
      await emit({ time: line.at, kind: 'stored', id: line.id, state: line.state, text: rows });
    }
    seen = next;
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
};
