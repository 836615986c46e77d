import type { CliOption, CliValues } from './cli-command.ts';
import { meantId } from './meant-id.ts';
import type { Store } from './open-store.ts';
import { textValue } from './values.ts';

/** Options that say which dead letters are meant. */
export const filterOptions: Readonly<Record<string, CliOption>> = {
  code: { type: 'string', value: 'CODE', help: 'Only those given up with this code' },
  stream: { type: 'string', value: 'NAME', help: 'Only those that came from this stream' },
  state: { type: 'string', value: 'STATE', help: 'Only those that name this state: id, name, or how one begins' },
  route: { type: 'string', value: 'ID', help: 'Only those that name this route: id, or how it begins' },
  reason: { type: 'string', value: 'TEXT', help: 'Only those with exactly this reason' },
  text: { type: 'string', value: 'TEXT', help: 'Only those whose payload has this text' },
  from: { type: 'string', value: 'TIME', help: 'Only those given up at this time or later' },
  to: { type: 'string', value: 'TIME', help: 'Only those given up before this time' },
};

/** The same as the arguments of a command of `manage`. @throws CliError if a state or route means several */
export const filterFields = async (store: Store, values: CliValues): Promise<Readonly<Record<string, unknown>>> => ({
  code: textValue(values, 'code'),
  stream: textValue(values, 'stream'),
  state_id: await meant(store, 'state', values),
  route_id: await meant(store, 'route', values),
  reason: textValue(values, 'reason'),
  text: textValue(values, 'text'),
  from: textValue(values, 'from'),
  to: textValue(values, 'to'),
});

const meant = async (store: Store, kind: 'state' | 'route', values: CliValues): Promise<string | undefined> => {
  const text = textValue(values, kind);
  return text === undefined ? undefined : await meantId(store, kind, text);
};
