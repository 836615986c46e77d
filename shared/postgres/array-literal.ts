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

/** A `bytea[]` literal of hex digits. */
export const bytesArray = (values: readonly (string | null)[]): string =>
  `{${values.map((value) => (value === null ? 'NULL' : String.raw`"\\x${value}"`)).join(',')}}`;

const textOid = 25;
const headerBytes = 20;
/** Of one UTF-16 unit, as UTF-8. */
const maxUnitBytes = 3;

/**
 * A `text[]` as PostgreSQL sends it over the wire. The server takes the bytes of each element as they are. It need not
 * look for quotes and escapes (5 to 8 % of its time for 1,000 rows). A lone surrogate becomes U+FFFD.
 */
export const binaryTextArray = (values: readonly (string | null)[]): Buffer => {
  // Room for ASCII; grown if there is more. Three times as much for every array would keep the garbage collector busy.
  let capacity = headerBytes;
  for (const value of values) capacity += 4 + (value === null ? 0 : value.length);
  let bytes: Buffer = Buffer.allocUnsafe(capacity);
  // Dimensions, "has nulls", element type; then the length and the lower bound of the one dimension.
  let position = bytes.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  position = bytes.writeInt32BE(1, position);
  position = bytes.writeInt32BE(textOid, position);
  if (values.length === 0) return bytes.subarray(0, position);
  position = bytes.writeInt32BE(values.length, position);
  position = bytes.writeInt32BE(1, position);
  for (const value of values) {
    const start = position + 4;
    const text = value ?? '';
    // The exact size is asked for only if it may not fit.
    if (start + text.length * maxUnitBytes > bytes.length) {
      const end = start + Buffer.byteLength(text);
      if (end > bytes.length) bytes = grown(bytes, position, 2 * end);
    }
    const length = bytes.write(text, start, 'utf8');
    bytes.writeInt32BE(value === null ? -1 : length, position);
    position = start + length;
  }
  return bytes.subarray(0, position);
};

const grown = (bytes: Buffer, used: number, capacity: number): Buffer => {
  const larger = Buffer.allocUnsafe(capacity);
  bytes.copy(larger, 0, 0, used);
  return larger;
};
