import type { TerminalCode } from '../../../shared/errors/error-code.ts';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import { reasonOf } from '../../../shared/message/to-outcome.ts';
import { isJsonObject, memberOf, type JsonValue } from '../../../shared/json/json-value.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
import { createTextPool } from '../../../shared/message/text-pool.ts';
import type { TriggerConfig } from '../../../shared/routing/routing.ts';

/** Where a message goes, or why it goes nowhere. */
export type Classified =
  | {
      readonly ok: true;
      readonly messageType: string;
      readonly trigger: TriggerConfig;
      /** The value of the trigger's key field. */
      readonly key: string;
      readonly isJson: boolean;
      readonly routeId: string | null;
    }
  | {
      readonly ok: false;
      readonly code: TerminalCode;
      readonly reason: string;
      readonly messageType: string | undefined;
      readonly isJson: false;
      readonly routeId: string | null;
    };

const maxKeyCharacters = 255;

/** The same few routes, or a thousand, for all messages that are held. */
const pooled = createTextPool(1_024);

const keyCodes: Readonly<Record<string, TerminalCode>> = {
  state_id: 'missing_state_id',
  route_id: 'missing_route_id',
  processor_id: 'missing_processor_id',
};

/**
 * Reads a message's type and key, no more: whether its function can make sense of it is the function's to say.
 * Never throws. Codes: invalid_json, nesting_too_deep, invalid_envelope, missing_type, unknown_type, missing_<key>.
 */
export const classifyPayload = (payload: Uint8Array, triggers: readonly TriggerConfig[]): Classified => {
  let messageType: string | undefined;
  let routeId: string | null = null;
  const refuse = (code: TerminalCode, reason: string): Classified => ({
    ok: false,
    code,
    reason,
    messageType,
    isJson: false,
    routeId,
  });
  try {
    const { value, strictText } = parse(payload);
    if (!isJsonObject(value)) return refuse('invalid_envelope', 'the message is not a JSON object');
    const route = memberOf(value, 'route_id');
    if (typeof route === 'string' && route.length <= maxKeyCharacters) routeId = pooled(route);
    const type = memberOf(value, 'type');
    if (type === undefined || type === null || type === '') return refuse('missing_type', 'the message has no type');
    if (typeof type !== 'string') return refuse('unknown_type', 'the message has a type that is not a text');
    const trigger = triggers.find(({ types }) => types.includes(type));
    if (trigger === undefined) {
      const shown = JSON.stringify(type.slice(0, 60));
      return refuse('unknown_type', `the message has type ${shown}, which no trigger of this route handles`);
    }
    // The trigger's own text: one for all messages that are held.
    messageType = trigger.types.find((known) => known === type) ?? type;
    const key = memberOf(value, trigger.key);
    if (typeof key !== 'string' || key === '' || key.length > maxKeyCharacters) {
      const isMissing = key === undefined || key === null || key === '';
      const problem = isMissing ? 'has no' : `has, as text of at most ${maxKeyCharacters} characters, no`;
      return refuse(keyCodes[trigger.key] ?? 'invalid_envelope', `the message ${problem} ${trigger.key}`);
    }
    return {
      ok: true,
      messageType,
      trigger,
      key,
      isJson: strictText !== undefined && !isToBeKeptApart(strictText),
      routeId,
    };
  } catch (error) {
    return refuse(error instanceof TerminalError ? error.code : 'invalid_json', reasonOf(error));
  }
};

// A byte order mark is kept: it is no JSON, so such a payload is not spliced.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The payload's value, and its text where that is strict JSON. */
const parse = (payload: Uint8Array): { readonly value: JsonValue; readonly strictText: string | undefined } => {
  let text: string;
  try {
    text = utf8.decode(payload);
  } catch (cause) {
    throw new TerminalError('invalid_json', 'the message is not UTF-8', { cause });
  }
  try {
    return { value: JSON.parse(text) as JsonValue, strictText: text };
  } catch {
    // Python writes NaN and Infinity, which strict JSON has not: the lossless parser decides.
    return { value: parseJson(text.startsWith('\uFEFF') ? text.slice(1) : text), strictText: undefined };
  }
};

/** So do longer numbers: the function refuses those of more than 4300 digits, as Python does, and their batch with them. */
const maxSplicedDigits = 4_000;

/** Deeper payloads travel as base64: whatever they do to the function's parser stays with them. */
const maxSplicedDepth = 64;

/**
 * Whether the payload nests too deep, or holds too long a number, to be put between others.
 * @param text strict JSON
 */
const isToBeKeptApart = (text: string): boolean =>
  (text.length > maxSplicedDigits || hasMoreOpeners(text, maxSplicedDepth)) && isDeepOrLong(text);

/** Whether more than so many objects and lists may begin in the text, those in strings counted: told without a walk over it. */
const hasMoreOpeners = (text: string, limit: number): boolean => {
  let count = 0;
  for (const opener of ['{', '[']) {
    for (let at = text.indexOf(opener); at !== -1; at = text.indexOf(opener, at + 1)) {
      count += 1;
      if (count > limit) return true;
    }
  }
  return false;
};

/** What is inside strings is stepped over. */
const isDeepOrLong = (text: string): boolean => {
  let depth = 0;
  let lastBreak = -1;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 0x30 && code <= 0x39) continue;
    if (index - lastBreak > maxSplicedDigits) return true;
    if (code === 0x22) index = endOfString(text, index);
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > maxSplicedDepth) return true;
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
    lastBreak = index;
  }
  return false;
};

/** The quote that ends the string that begins at `start`: the first one before which no odd number of backslashes stands. */
const endOfString = (text: string, start: number): number => {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
};
