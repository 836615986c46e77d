import type { DeadLetterLine } from './describe-dead-letter.ts';
import type { ArgumentReader } from './read-arguments.ts';

/** Which dead letters are meant; what is undefined does not restrict. */
export interface DeadLetterFilter {
  readonly code: string | undefined;
  readonly stream: string | undefined;
  readonly stateId: string | undefined;
  readonly routeId: string | undefined;
}

export const readFilter = (args: ArgumentReader): DeadLetterFilter => ({
  code: args.optionalText('code', 60),
  stream: args.optionalText('stream', 255),
  stateId: args.optionalText('state_id', 255),
  routeId: args.optionalText('route_id', 255),
});

export const isFiltered = (filter: DeadLetterFilter): boolean =>
  Object.values(filter).some((value) => value !== undefined);

export const matches = (filter: DeadLetterFilter, line: DeadLetterLine): boolean =>
  (filter.code === undefined || filter.code === line.code) &&
  (filter.stream === undefined || filter.stream === line.stream) &&
  (filter.stateId === undefined || filter.stateId === line.stateId) &&
  (filter.routeId === undefined || filter.routeId === line.routeId);
