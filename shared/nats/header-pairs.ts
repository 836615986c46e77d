import type { Msg } from 'nats';
import { headerEntries, headerStart, parseHeaders, rawHeaders, traceHeaders } from './headers.ts';

/** Names and values in turn, as they were written: no object for each of them. */
export type HeaderPairs = readonly string[];

/**
 * The same headers as `readHeaders` reads, for those who look for a few of them in every message.
 * @param payload the message's: its headers stand right before it
 */
export const readHeaderPairs = (message: Msg, payload: Uint8Array): HeaderPairs =>
  parseHeaderPairs(rawHeaders(message, payload));

/** The headers of a block as it is on the wire; none if it is none. */
export const parseHeaderPairs = (block: string): HeaderPairs => {
  // A list that grows has room for many more, and most messages have one header.
  let pairs: string[] | undefined;
  if (!block.startsWith(headerStart)) return noPairs;
  for (let end = lineEnd(block, 0), start = end + 2; start < block.length; start = end + 2) {
    end = lineEnd(block, start);
    const colon = block.indexOf(':', start);
    if (colon === -1) break;
    if (colon > end) continue;
    const name = block.slice(start, colon);
    const value = block.slice(colon + 1, end).trim();
    if (!sendableName.test(name) || value.includes('\r') || value.includes('\n')) return encodedPairs(block);
    if (pairs === undefined) pairs = [name, value];
    else pairs.push(name, value);
  }
  return pairs ?? noPairs;
};

const noPairs: HeaderPairs = [];

/** As `headerValue`, of pairs. */
export const pairValue = (pairs: HeaderPairs, name: string): string | undefined => {
  for (let at = 0; at < pairs.length; at += 2) {
    if (pairs[at] !== name) continue;
    if (pairs[at + 1] !== '') return pairs[at + 1];
    break;
  }
  for (let at = 0; at < pairs.length; at += 2) {
    const key = pairs[at]!;
    // Most messages have no name of that length: nothing is made for them.
    if (key.length === name.length && key.toLowerCase() === name.toLowerCase()) return pairs[at + 1];
  }
  return undefined;
};

/** As `traceContextOf`, of pairs. */
export const pairTraceContext = (pairs: HeaderPairs): Readonly<Record<string, string>> => {
  let context: Record<string, string> | undefined;
  for (const name of traceHeaders) {
    const value = pairValue(pairs, name);
    if (value !== undefined) (context ??= {})[name] = value;
  }
  return context ?? noContext;
};

const noContext: Readonly<Record<string, string>> = {};

/** As `headerEntries`, of pairs. */
export const pairEntries = (pairs: HeaderPairs): readonly (readonly [string, readonly string[]])[] => {
  const entries = new Map<string, string[]>();
  for (let at = 0; at < pairs.length; at += 2) {
    const values = entries.get(pairs[at]!);
    if (values === undefined) entries.set(pairs[at]!, [pairs[at + 1]!]);
    else values.push(pairs[at + 1]!);
  }
  return [...entries];
};

const lineEnd = (block: string, start: number): number => {
  const end = block.indexOf('\r\n', start);
  return end === -1 ? block.length : end;
};

const sendableName = /^[!-9;-~]*$/;

/** What could not be sent on is percent-encoded. */
const encodedPairs = (block: string): HeaderPairs =>
  headerEntries(parseHeaders(block)).flatMap(([name, values]) => values.flatMap((value) => [name, value]));
