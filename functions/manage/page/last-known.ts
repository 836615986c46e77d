import type { StoreStatus } from '../../../shared/operate/commands/status.ts';
import type { LiveStatus } from './live-status.ts';

type Part<Answer> = Extract<Answer, { readonly ok: true }>;
type NamedStream = StoreStatus['streams'][number];

/** A value and when it was true; milliseconds since 1970 by the server's clock. */
export interface Known<Value> {
  readonly value: Value;
  readonly atMs: number;
}

/** What each part answered last. A part that is silent keeps what it said: a page must not go blank in an outage. */
export interface LastKnown {
  readonly database: Known<Part<StoreStatus['database']>> | undefined;
  readonly deadLetters: Known<Part<StoreStatus['deadLetters']>> | undefined;
  readonly functions: Known<Part<NonNullable<StoreStatus['functions']>>['list']> | undefined;
  readonly streams: ReadonlyMap<string, Known<NonNullable<Part<NamedStream>['stream']>>>;
}

export const nothingKnown: LastKnown = {
  database: undefined,
  deadLetters: undefined,
  functions: undefined,
  streams: new Map(),
};

export const learn = (before: LastKnown, status: LiveStatus): LastKnown => {
  const atMs = Date.parse(status.time);
  const { database, deadLetters, functions } = status;
  const streams = new Map(before.streams);
  for (const named of status.streams) {
    if (!named.ok) continue;
    if (named.stream === null) streams.delete(named.name);
    else streams.set(named.name, { value: named.stream, atMs });
  }
  return {
    database: database.ok ? { value: database, atMs } : before.database,
    deadLetters: deadLetters.ok ? { value: deadLetters, atMs } : before.deadLetters,
    functions: functions?.ok === true ? { value: functions.list, atMs } : before.functions,
    streams,
  };
};
