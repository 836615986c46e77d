/** What a quoted array element must escape. */
const special = /["\\]/g;

/** A `text[]` literal; every element is quoted, so that no text can be read as NULL, a number or structure. */
export const textArray = (values: readonly (string | null)[]): string => {
  let literal = '{';
  let separator = '';
  for (const value of values) {
    literal += separator;
    separator = ',';
    if (value === null) literal += 'NULL';
    // Two plain searches are cheaper than one expression, and most texts need no escape.
    else if (value.includes('"') || value.includes('\\')) literal += `"${value.replaceAll(special, '\\$&')}"`;
    else literal += `"${value}"`;
  }
  return `${literal}}`;
};

/** A literal of numbers or booleans, which need no quotes. */
export const plainArray = (values: readonly (number | boolean | null)[]): string =>
  `{${values.map((value) => (value === null ? 'NULL' : String(value))).join(',')}}`;
