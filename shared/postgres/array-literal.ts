/** What a quoted array element must escape. */
const special = /["\\]/g;

/** A `text[]` literal; every element is quoted, so that no text can be read as NULL, a number or structure. */
export const textArray = (values: readonly (string | null)[]): string => {
  let literal = '';
  for (const value of values) {
    const element = value === null ? 'NULL' : `"${special.test(value) ? value.replace(special, '\\$&') : value}"`;
    special.lastIndex = 0;
    literal += literal === '' ? element : `,${element}`;
  }
  return `{${literal}}`;
};

/** A literal of numbers or booleans, which need no quotes. */
export const plainArray = (values: readonly (number | boolean | null)[]): string =>
  `{${values.map((value) => (value === null ? 'NULL' : String(value))).join(',')}}`;
