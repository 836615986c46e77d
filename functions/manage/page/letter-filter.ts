import type { Address } from './address.ts';

/** The filter of dead letters, as the address and the commands name it; none of its names is there with an empty text. */
export type LetterFilter = Readonly<Partial<Record<(typeof filterNames)[number], string>>>;

export const filterOf = (query: Address['query']): LetterFilter =>
  Object.fromEntries(filterNames.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]])));

/** The filter in words, such as `code invalid_json, text order-17`; empty for none. */
export const filterText = (filter: LetterFilter): string =>
  filterNames
    .flatMap((name) => (filter[name] === undefined ? [] : [`${filterWords[name]} ${filter[name]}`]))
    .join(', ');

/** What a command gets to mean the letters of a filter: all of them must be asked for by name. */
export const selectionOf = (filter: LetterFilter): Readonly<Record<string, unknown>> =>
  Object.keys(filter).length === 0 ? { all: true } : filter;

const filterNames = ['code', 'state_id', 'route_id', 'reason', 'stream', 'text', 'from', 'to'] as const;

const filterWords: Readonly<Record<(typeof filterNames)[number], string>> = {
  code: 'code',
  state_id: 'state',
  route_id: 'route',
  reason: 'reason',
  stream: 'stream',
  text: 'text',
  from: 'from',
  to: 'before',
};
