/** What the driver's connection is told to bind. */
export interface BindConfig {
  readonly portal?: string;
  readonly statement?: string;
  readonly values?: readonly unknown[];
  readonly binary?: boolean;
  readonly valueMapper?: (value: unknown) => unknown;
}

/** Below it the driver's own message costs less than a few writes. */
const minLargeBytes = 1024 * 1024;

/**
 * The protocol's Bind message in parts, in which each large value is the caller's own buffer; undefined without a large value. The
 * driver would copy every value twice in one turn of the event loop: 60 to 100 ms for 64 MB.
 */
export const bindMessageParts = (config: BindConfig): readonly Buffer[] | undefined => {
  const values = config.values ?? [];
  if (!values.some((value) => Buffer.isBuffer(value) && value.length >= minLargeBytes)) return undefined;
  const prepare = config.valueMapper ?? ((value) => value);
  const mapped = values.map((value) => toWire(prepare(value)));
  const counts = int16s([mapped.length, ...mapped.map((value) => (Buffer.isBuffer(value) ? 1 : 0)), mapped.length]);
  const body: Buffer[] = [cString(config.portal), cString(config.statement), counts];
  for (const value of mapped) {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    body.push(int32(bytes?.length ?? -1));
    if (bytes !== null) body.push(bytes);
  }
  body.push(int16s([1, config.binary === true ? 1 : 0]));
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return [Buffer.from('B'), int32(4 + length), ...body];
};

/** A text, or a buffer that is sent as it is. */
const toWire = (value: unknown): string | Buffer | null => {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  throw new Error('bind: the driver prepared a value that is neither a text nor a buffer');
};

const cString = (text = ''): Buffer => Buffer.from(`${text}\0`);

const int32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
};

const int16s = (values: readonly number[]): Buffer => {
  const bytes = Buffer.allocUnsafe(2 * values.length);
  for (const [index, value] of values.entries()) bytes.writeInt16BE(value, 2 * index);
  return bytes;
};
