import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where settings come from: the environment first, then a secret file, then the default. */
export interface SettingSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of secret files; OpenFaaS mounts `/var/openfaas/secrets`. */
  readonly secretsDir: string;
  /** What counts if neither the environment nor a secret file says anything. */
  readonly fallbacks?: Readonly<Record<string, string>>;
  /** Told of a value that is understood and not used. */
  readonly warn?: ((warning: string) => void) | undefined;
}

/** All that is wrong with a configuration, listed at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`configuration has ${faults.length} fault(s): ${faults.join('; ')}`);
    this.faults = faults;
  }
}

/** Reads one setting from its text, or says what is wrong with it (never repeating a value that may be secret). */
type Parse<T> = (text: string) => { readonly value: T; readonly warning?: string } | { readonly fault: string };

export interface Setting<T> {
  readonly name: string;
  readonly fallback: T;
  readonly parse: Parse<T>;
}

/** Free text; an empty value counts as absent. */
export const text = (name: string, fallback: string): Setting<string> => ({
  name,
  fallback,
  parse: (value) => ({ value }),
});

/** Text that may be absent altogether. */
export const optionalText = (name: string): Setting<string | undefined> => ({
  name,
  fallback: undefined,
  parse: (value) => ({ value }),
});

/** A whole number within bounds. */
export const integer = (name: string, fallback: number, bounds: { min: number; max: number }): Setting<number> => ({
  name,
  fallback,
  parse: (value) => {
    const parsed = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return parsed >= bounds.min && parsed <= bounds.max
      ? { value: parsed }
      : { fault: `must be a whole number from ${bounds.min} to ${bounds.max}` };
  },
});

/** One of a closed set of words, without regard to case. */
export const oneOf = <T extends string>(name: string, fallback: T, words: readonly T[]): Setting<T> => ({
  name,
  fallback,
  parse: (value) => {
    const word = words.find((candidate) => candidate.toLowerCase() === value.toLowerCase());
    return word === undefined ? { fault: `must be one of ${words.join(', ')}` } : { value: word };
  },
});

/** True or false, as people write it. */
export const flag = (name: string, fallback: boolean): Setting<boolean> => ({
  name,
  fallback,
  parse: (value) => {
    const word = value.toLowerCase();
    if (['true', '1', 'yes', 'on'].includes(word)) return { value: true };
    return ['false', '0', 'no', 'off'].includes(word) ? { value: false } : { fault: 'must be true or false' };
  },
});

/** A URL with one of the given schemes; what is wrong is said without the URL, which may hold a password. */
export const url = (name: string, fallback: string, schemes: readonly string[]): Setting<string> => ({
  name,
  fallback,
  parse: (value) => {
    // `nats://a:4222,nats://b:4222` names several servers of one cluster.
    const ok = value
      .split(',')
      .every((part) => URL.canParse(part) && schemes.includes(new URL(part).protocol.replace(':', '')));
    return ok ? { value } : { fault: `must be a URL with scheme ${schemes.join(' or ')}` };
  },
});

/** `DATABASE_URL` is the secret `database-url`. */
export const secretFileName = (settingName: string): string => settingName.toLowerCase().replaceAll('_', '-');

/**
 * Reads every setting of a table and returns one frozen object with the same keys.
 * @throws ConfigError that lists every fault at once, by setting name, never by value.
 */
export const readSettings = <T extends Readonly<Record<string, Setting<unknown>>>>(
  table: T,
  source: SettingSource,
): { readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never } => {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(table)) {
    // Trimmed as secret files are: a line end behind a value is never meant.
    let raw: string | undefined = source.env[setting.name]?.trim() || undefined;
    if (raw === undefined) {
      try {
        raw = readSecret(source.secretsDir, secretFileName(setting.name)) || undefined;
      } catch (error) {
        faults.push(`${setting.name}: its secret file cannot be read (${(error as NodeJS.ErrnoException).code})`);
        continue;
      }
    }
    raw ??= source.fallbacks?.[setting.name];
    if (raw === undefined) {
      values[key] = setting.fallback;
      continue;
    }
    const parsed = setting.parse(raw);
    if ('fault' in parsed) {
      faults.push(`${setting.name} ${parsed.fault}`);
      continue;
    }
    values[key] = parsed.value;
    if (parsed.warning !== undefined) source.warn?.(`${setting.name} ${parsed.warning}`);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(values) as never;
};

/**
 * Reads two groups of settings at once.
 * @throws ConfigError that lists the faults of both
 */
export const readBoth = <A, B>(first: () => A, second: () => B): readonly [A, B] => {
  const faults: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      faults.push(...error.faults);
      return undefined;
    }
  };
  const values = [attempt(first), attempt(second)] as const;
  if (faults.length > 0) throw new ConfigError(faults);
  return values as readonly [A, B];
};

const readSecret = (dir: string, name: string): string | undefined => {
  const path = join(dir, name);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return undefined;
  // OpenFaaS projects one file per secret; Knative mounts a folder with the key inside.
  return readFileSync(stats.isDirectory() ? join(path, name) : path, 'utf8').trim();
};
