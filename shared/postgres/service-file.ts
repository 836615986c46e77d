import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A section of a connection service file: its lines `key=value`, or undefined if there is no such section. */
export const parseService = (text: string, service: string): ReadonlyMap<string, string> | undefined => {
  let found: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    if (trimmed.startsWith('[')) {
      if (found !== undefined) break; // the first section of a name counts
      if (trimmed === `[${service}]`) found = new Map();
      continue;
    }
    const equals = trimmed.indexOf('=');
    if (found === undefined || equals < 0) continue;
    found.set(trimmed.slice(0, equals).trim(), trimmed.slice(equals + 1).trim());
  }
  return found;
};

/**
 * The parameters of a service (PostgreSQL's documentation, 32.17), from the file that is named, else the user's, else the
 * system's.
 *
 * @returns what is wrong, as a text, if no file has it.
 */
export const readService = (
  service: string,
  env: Readonly<Record<string, string | undefined>>,
  namedFile: string | undefined,
): ReadonlyMap<string, string> | string => {
  const home = env['HOME'] === undefined ? [] : [join(env['HOME'], '.pg_service.conf')];
  const files = [
    ...(namedFile === undefined ? home : [namedFile]),
    join(env['PGSYSCONFDIR'] ?? '/etc/postgresql-common', 'pg_service.conf'),
  ];
  for (const file of files) {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' && file !== namedFile) continue;
      return `names the service file ${file}, which cannot be read (${code ?? 'unknown'})`;
    }
    const found = parseService(text, service);
    if (found !== undefined) return found;
  }
  return `names the service ${service}, which is in none of ${files.join(', ')}`;
};
