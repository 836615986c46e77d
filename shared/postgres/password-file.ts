import { readFileSync, statSync } from 'node:fs';
import { RetryableError } from '../errors/sync-error.ts';

/** Whom a password is wanted for; a Unix socket counts as `localhost`. */
export interface PasswordKey {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** The password of the first line `host:port:database:user:password` that fits; `*` fits everything, `\` escapes. */
export const findPassword = (text: string, key: PasswordKey): string | undefined => {
  const wanted = [key.host, String(key.port), key.database, key.user];
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitFields(line);
    if (fields.length >= 5 && wanted.every((value, index) => fields[index] === '*' || fields[index] === value)) {
      return fields[4];
    }
  }
  return undefined;
};

/**
 * Reads a password file (PostgreSQL's documentation, 32.16), anew for each connection: a mounted one may have changed.
 *
 * @param isNamed whether the file was asked for: then it must be there
 * @throws RetryableError `database_misconfigured` if it cannot be read, or if everybody can read it.
 */
export const readPasswordFile = (file: string, isNamed: boolean, key: PasswordKey): string | undefined => {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined && !isNamed) return undefined;
  if (stats !== undefined && (stats.mode & 0o007) !== 0) {
    throw new RetryableError(
      'database_misconfigured',
      `everybody can read the password file ${file}: chmod 600 ${file}`,
    );
  }
  try {
    return findPassword(readFileSync(file, 'utf8'), key);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = `the password file ${file} cannot be read (${code ?? 'unknown'})`;
    throw new RetryableError('database_misconfigured', why, { cause });
  }
};

/** The fifth field is the rest of the line: a password may have colons that are not escaped. */
const splitFields = (line: string): readonly string[] => {
  const fields = [''];
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at]!;
    if (character === '\\' && at + 1 < line.length) fields[fields.length - 1] += line[(at += 1)]!;
    else if (character === ':' && fields.length < 5) fields.push('');
    else fields[fields.length - 1] += character;
  }
  return fields;
};
