import type { StoredDeadLetter } from '../nats/dead-letter-store.ts';
import type { DeadLetterLine } from './describe-dead-letter.ts';
import type { ArgumentReader } from './read-arguments.ts';

/** Which dead letters are meant; what is undefined does not restrict. */
export interface DeadLetterFilter {
  readonly code: string | undefined;
  readonly stream: string | undefined;
  readonly stateId: string | undefined;
  readonly routeId: string | undefined;
  /** The whole reason, as a group names it. */
  readonly reason: string | undefined;
  /** Part of the payload, byte for byte. */
  readonly text: string | undefined;
  /** Given up at this time or later, and before this time; milliseconds since 1970. */
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

/** The arguments of a filter, as a list for people. */
export const filterArguments = 'code, stream, state_id, route_id, reason, text, from, to';

export const readFilter = (args: ArgumentReader): DeadLetterFilter => ({
  code: args.optionalText('code', 60),
  stream: args.optionalText('stream', 255),
  stateId: args.optionalText('state_id', 255),
  routeId: args.optionalText('route_id', 255),
  reason: args.optionalText('reason', 1_000),
  text: args.optionalText('text', 1_000),
  fromMs: readTime(args, 'from'),
  toMs: readTime(args, 'to'),
});

export const isFiltered = (filter: DeadLetterFilter): boolean =>
  Object.values(filter).some((value) => value !== undefined);

export const matches = (filter: DeadLetterFilter, line: DeadLetterLine, letter: StoredDeadLetter): boolean => {
  const timeMs = Date.parse(line.time);
  return (
    (filter.code === undefined || filter.code === line.code) &&
    (filter.stream === undefined || filter.stream === line.stream) &&
    (filter.stateId === undefined || filter.stateId === line.stateId) &&
    (filter.routeId === undefined || filter.routeId === line.routeId) &&
    (filter.reason === undefined || filter.reason === line.reason) &&
    (filter.fromMs === undefined || timeMs >= filter.fromMs) &&
    (filter.toMs === undefined || timeMs < filter.toMs) &&
    (filter.text === undefined || Buffer.from(letter.payload).includes(filter.text))
  );
};

const readTime = (args: ArgumentReader, name: string): number | undefined => {
  const text = args.optionalText(name, 40);
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  args.fault(`${name} must be a time such as 2026-01-31T12:00:00Z`);
  return undefined;
};
