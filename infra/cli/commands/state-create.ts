import { callManage } from '../call-manage.ts';
import type { CliCommand, CliValues } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';
import { textValue } from '../values.ts';

/** The texts of an option that may be given several times. */
export const textValues = (values: CliValues, name: string): readonly string[] => {
  const value = values[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
};

export const stateCreate: CliCommand = {
  name: 'state create',
  summary: 'Make a state: a table that rows can be published into',
  usage: '<name> [--key COLUMN ...] [--column COLUMN ...]',
  options: {
    key: { type: 'string', multiple: true, short: 'k', value: 'COLUMN', help: 'A column of the primary key, in order' },
    column: {
      type: 'string',
      multiple: true,
      short: 'c',
      value: 'COLUMN',
      help: 'name, name:int (str, int, float, bool, json), or name=constant; the data makes the others',
    },
    project: { type: 'string', value: 'ID', help: 'The project that it belongs to (default: none)' },
  },
  examples: [
    'state-sync state create orders --key id',
    'state-sync state create orders -k id -c quantity:int -c source=web',
  ],
  positionals: { min: 1, max: 1 },
  changes: () => true,
  run: async ({ store, output, values, positionals }) => {
    const [name = ''] = positionals;
    const created = await callManage<{ readonly stateId: string }>(store, {
      command: 'state.create',
      name,
      keys: textValues(values, 'key'),
      columns: textValues(values, 'column'),
      project_id: textValue(values, 'project'),
    });
    await output.result(created, () => [
      `state ${created.stateId} is there`,
      `store rows in it with: state-sync publish FILE --state ${JSON.stringify(name)} --wait`,
    ]);
    return exitCodes.ok;
  },
};
