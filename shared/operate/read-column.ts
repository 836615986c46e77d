import type { NewColumn } from '../postgres/create-state.ts';

/** Types that a column can have. */
const dataTypes: readonly string[] = ['str', 'int', 'float', 'bool', 'json'];

/**
 * A column as people write it: `name`, `name:int`, `source=web` for a constant, `name:int=7`. Names are what becomes of the
 * members of rows: small letters, digits and underscores.
 * @returns the column, or what is wrong with it
 */
export const readColumn = (text: string): NewColumn | { readonly fault: string } => {
  const at = text.indexOf('=');
  const head = at === -1 ? text : text.slice(0, at);
  const [name = '', dataType = 'str', ...rest] = head.split(':');
  if (!isColumnName(name)) return { fault: `the column ${JSON.stringify(name)} must have ${nameRule}` };
  if (rest.length > 0 || !dataTypes.includes(dataType)) {
    return { fault: `the type of column ${name} must be one of ${dataTypes.join(', ')}` };
  }
  return { name, dataType, value: at === -1 ? null : text.slice(at + 1) };
};

export const nameRule = 'small letters, digits and underscores, at most 255';

/** Whether the name is one that the members of rows become. */
export const isColumnName = (name: string): boolean => /^[\p{Ll}\p{Lo}\p{N}_]{1,255}$/u.test(name);
