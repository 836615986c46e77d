import type { TerminalCode } from '../../../shared/errors/error-code.ts';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import { reasonOf } from '../../../shared/message/to-outcome.ts';
import { isJsonObject, memberOf, type JsonValue } from '../../../shared/json/json-value.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
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
    const { value, isStrict } = parse(payload);
    if (!isJsonObject(value)) return refuse('invalid_envelope', 'the message is not a JSON object');
    const route = memberOf(value, 'route_id');
    if (typeof route === 'string' && route.length <= maxKeyCharacters) routeId = route;
    const type = memberOf(value, 'type');
    if (type === undefined || type === null || type === '') return refuse('missing_type', 'the message has no type');
    if (typeof type !== 'string') return refuse('unknown_type', 'the message has a type that is not a text');
    const trigger = triggers.find(({ types }) => types.includes(type));
    if (trigger === undefined) {
      const shown = JSON.stringify(type.slice(0, 60));
      return refuse('unknown_type', `the message has type ${shown}, which no trigger of this route handles`);
    }
    messageType = type;
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
      isJson: isStrict && !isToBeKeptApart(payload),
      routeId,
    };
  } catch (error) {
    return refuse(error instanceof TerminalError ? error.code : 'invalid_json', reasonOf(error));
  }
};

// A byte order mark is kept: it is no JSON, so such a payload is not spliced.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const parse = (payload: Uint8Array): { readonly value: JsonValue; readonly isStrict: boolean } => {
  let text: string;
  try {
    text = utf8.decode(payload);
  } catch (cause) {
    throw new TerminalError('invalid_json', 'the message is not UTF-8', { cause });
  }
  try {
    return { value: JSON.parse(text) as JsonValue, isStrict: true };
  } catch {
    // Python writes NaN and Infinity, which strict JSON has not: the lossless parser decides.
    return { value: parseJson(text.startsWith('\uFEFF') ? text.slice(1) : text), isStrict: false };
  }
};

/** So do longer numbers: the function refuses those of more than 4300 digits, as Python does, and their batch with them. */
const maxSplicedDigits = 4_000;

/** Deeper payloads travel as base64: whatever they do to the function's parser stays with them. */
const maxSplicedDepth = 64;

/** Whether the payload nests too deep, or holds too long a number, to be put between others; text in strings is skipped. */
const isToBeKeptApart = (payload: Uint8Array): boolean => {
  let depth = 0;
  let inString = false;
  let lastBreak = -1;
  for (let index = 0; index < payload.length; index += 1) {
    const byte = payload[index]!;
    if (inString) {
      if (byte === 0x5c) index += 1;
      else if (byte === 0x22) {
        inString = false;
        lastBreak = index;
      }
    } else if (byte < 0x30 || byte > 0x39) {
      if (index - lastBreak > maxSplicedDigits) return true;
      lastBreak = index;
      if (byte === 0x22) inString = true;
      else if (byte === 0x7b || byte === 0x5b) {
        depth += 1;
        if (depth > maxSplicedDepth) return true;
      } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
    }
  }
  return false;
};
