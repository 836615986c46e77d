import { TerminalError } from '../errors/sync-error.ts';
import { isJsonObject, memberOf, type JsonObject, type JsonValue } from '../json/json-value.ts';
import { messageTypes, type MessageType } from './delivery.ts';

/** Ids are at most varchar(73) in the tables; anything much longer is not an id. */
const maxIdCharacters = 255;

/** The envelope and its type, or a TerminalError: invalid_envelope, missing_type, unknown_type (reference.md B.1). */
export const readEnvelope = (value: JsonValue): { readonly message: JsonObject; readonly type: MessageType } => {
  if (!isJsonObject(value)) throw new TerminalError('invalid_envelope', 'the message is not a JSON object');
  const type = memberOf(value, 'type');
  if (type === undefined || type === null || type === '') {
    throw new TerminalError('missing_type', 'the message has no type');
  }
  const known = messageTypes.find((candidate) => candidate === type);
  if (known === undefined) {
    const shown = typeof type === 'string' ? JSON.stringify(type.slice(0, 60)) : 'that is not a text';
    throw new TerminalError('unknown_type', `the message has an unknown type ${shown}`);
  }
  return { message: value, type: known };
};

/** The id of a member, or a TerminalError: null ids are refused, they would mean "no filter" (reference.md G-25). */
export const readId = (message: JsonObject, field: 'state_id' | 'route_id' | 'processor_id'): string => {
  const id = memberOf(message, field);
  if (typeof id === 'string' && id !== '' && id.length <= maxIdCharacters) return id;
  const reason =
    id === undefined || id === null || id === ''
      ? `the message has no ${field}`
      : `the ${field} is not a text of at most ${maxIdCharacters} characters`;
  throw new TerminalError(`missing_${field}`, reason);
};
