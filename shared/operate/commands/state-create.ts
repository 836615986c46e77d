import { createState, type NewColumn } from '../../postgres/create-state.ts';
import { CommandError } from '../command-error.ts';
import { maxStateNameCharacters } from '../find-state.ts';
import type { ManageCommand } from '../manage-context.ts';
import { isColumnName, nameRule, readColumn } from '../read-column.ts';

const maxColumns = 500;
const maxKeys = 32;

/**
 * `state.create` {name, keys?, columns?, project_id?}: a state as the ecosystem makes one. Columns that are not named are made
 * by the first row that has them.
 */
export const stateCreate: ManageCommand = async (args, { pool }) => {
  const name = args.text('name', maxStateNameCharacters);
  const projectId = args.optionalText('project_id', 36) ?? null;
  const keys = args.texts('keys', maxKeys);
  const columns: NewColumn[] = [];
  for (const text of args.texts('columns', maxColumns)) {
    const column = readColumn(text);
    if ('fault' in column) args.fault(column.fault);
    else columns.push(column);
  }
  const names = columns.map((column) => column.name);
  const twice = [...names, ...keys].find(
    (each, at, all) => all.indexOf(each) !== at && !(keys.includes(each) && names.includes(each)),
  );
  if (twice !== undefined) args.fault(`${twice} is there twice`);
  for (const key of keys) if (!isColumnName(key)) args.fault(`the key ${JSON.stringify(key)} must have ${nameRule}`);
  args.check();
  const stateId = await createState(pool, { name, projectId, keys, columns });
  if (stateId === undefined) throw new CommandError(409, 'already_exists', `there is a state named ${name} already`);
  return { stateId, name, keys, columns };
};
