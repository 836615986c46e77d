import { isFields, type FieldReader, type Fields } from './field-reader.ts';
import type { StreamLimits, StreamSettings } from './stream-settings.ts';
import { isStreamName } from './subject-token.ts';

/**
 * The section `streams`: how streams are made that are missing, by name, `*` for all others. Keys are JetStream's own
 * (`max_bytes`, `max_age`, `num_replicas`, ...); sizes may have a unit (`10GiB`), times too (`7d`), else bytes and seconds.
 */
export const parseStreams = (reader: FieldReader, value: unknown): StreamSettings => {
  const settings = new Map<string, StreamLimits>();
  if (value === undefined || value === null) return settings;
  if (!isFields(value)) {
    reader.fault('streams', 'must be a mapping of stream names');
    return settings;
  }
  for (const [name, fields] of Object.entries(value)) {
    const place = `streams.${name}`;
    if (name !== '*' && !isStreamName(name)) reader.fault(place, 'cannot name a stream');
    else if (isFields(fields)) settings.set(name, readLimits(reader, fields, place));
    else reader.fault(place, 'must be a mapping');
  }
  return settings;
};

/** The member that a value makes, or what it must be. */
type ReadKey = (value: unknown) => Partial<StreamLimits> | string;

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1_000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  tb: 1_000_000_000_000,
  k: 1_024,
  m: 1_048_576,
  g: 1_073_741_824,
  t: 1_099_511_627_776,
  kib: 1_024,
  mib: 1_048_576,
  gib: 1_073_741_824,
  tib: 1_099_511_627_776,
};

const bytes =
  (member: keyof StreamLimits): ReadKey =>
  (value) => {
    const read = quantity(value, byteUnits);
    return read === undefined ? 'must be a size such as 10GiB' : { [member]: read };
  };

/** A whole number with a unit of the table; undefined if it is none. */
const quantity = (value: unknown, units: Readonly<Record<string, number>>): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(value).trim());
  const unit = match === null ? undefined : units[match[2]!.toLowerCase()];
  if (match === null || unit === undefined) return undefined;
  const number = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
};

const count =
  (member: keyof StreamLimits, most: number): ReadKey =>
  (value) => {
    const read = quantity(value, { '': 1 });
    return read === undefined || read > most ? `must be a whole number from 1 to ${most}` : { [member]: read };
  };

const secondUnits: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 };

const seconds =
  (member: keyof StreamLimits): ReadKey =>
  (value) => {
    const read = quantity(value, secondUnits);
    return read === undefined ? 'must be a time such as 7d, 12h or a number of seconds' : { [member]: read };
  };

const word =
  (member: keyof StreamLimits, words: readonly string[]): ReadKey =>
  (value) =>
    words.includes(String(value).toLowerCase())
      ? { [member]: String(value).toLowerCase() }
      : `must be ${words.join(' or ')}`;

const maxReplicas = 5;

const placement: ReadKey = (value) => {
  if (!isFields(value)) return 'must be a mapping of cluster and tags';
  const { cluster, tags, ...rest } = value;
  const list: readonly unknown[] = tags === undefined ? [] : Array.isArray(tags) ? tags : [tags];
  const isText = (one: unknown): one is string => typeof one === 'string' && one !== '';
  if (Object.keys(rest).length > 0 || !list.every(isText) || (cluster !== undefined && !isText(cluster))) {
    return 'must be a mapping of cluster (text) and tags (a list of texts)';
  }
  return {
    ...(cluster === undefined ? {} : { placementCluster: cluster }),
    ...(list.length === 0 ? {} : { placementTags: list }),
  };
};

const keys: Readonly<Record<string, ReadKey>> = {
  max_bytes: bytes('maxBytes'),
  max_msgs: count('maxMessages', Number.MAX_SAFE_INTEGER),
  max_age: seconds('maxAgeSeconds'),
  max_msg_size: bytes('maxMessageBytes'),
  duplicate_window: seconds('duplicateWindowSeconds'),
  discard: word('discard', ['old', 'new']),
  num_replicas: count('replicas', maxReplicas),
  replicas: count('replicas', maxReplicas),
  storage: word('storage', ['file', 'memory']),
  compression: word('compression', ['none', 's2']),
  placement,
};

const readLimits = (reader: FieldReader, fields: Fields, place: string): StreamLimits => {
  const limits: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    const read = Object.hasOwn(keys, key) ? keys[key]! : undefined;
    if (read === undefined) {
      reader.fault(`${place}.${key}`, `is not one of ${Object.keys(keys).join(', ')}`);
      continue;
    }
    if (value === undefined || value === null) continue;
    const result = read(value);
    if (typeof result === 'string') reader.fault(`${place}.${key}`, result);
    else Object.assign(limits, result);
  }
  return limits;
};
