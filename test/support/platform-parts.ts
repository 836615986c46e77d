import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath } from '../../infra/local/nats-binary.ts';

/** Where `test/platform/build-parts.ts` puts what it builds. */
export const platformCache = fileURLToPath(new URL('../../.cache/platform', import.meta.url));

/** A program or folder of a platform that is there, or the reason why it is not. Nothing is built here: that would take minutes inside `npm test`. */
export interface PlatformPart {
  readonly path: string | undefined;
  /** For a test's name. */
  readonly note: string;
}

/**
 * Looks for a program where its variable says (`KUBE_APISERVER`), in the cache folder, and on the path; for a folder in the first two.
 * @param how what brings it, for the note
 */
export const findPart = async (
  name: string,
  how = `npx node test/platform/build-parts.ts ${name}`,
): Promise<PlatformPart> => {
  const variable = name.toUpperCase().replaceAll('-', '_');
  const cached = join(platformCache, name);
  const candidates = [process.env[variable], cached, await findOnPath(name, process.env['PATH'] ?? '')];
  for (const path of candidates) {
    if (path === undefined) continue;
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return { path, note: '' };
  }
  return { path: undefined, note: ` (skipped: there is no ${name}; ${variable} names it, or: ${how})` };
};
