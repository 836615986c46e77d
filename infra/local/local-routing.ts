import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readRouting } from '../../shared/config/read-routing.ts';

/** What the shipped routing file says; it stands for "the server of this start". */
const placeholderUrl = 'nats://localhost:4222';

/**
 * Writes a copy of a routing file whose routes name the running server: all of them if the server is our own, else the
 * ones that have the placeholder. Everything else stays as it was written. Throws if the file has faults.
 */
export const writeLocalRouting = async (
  source: string,
  target: string,
  server: { readonly url: string; readonly embedded: boolean },
): Promise<void> => {
  const { routes } = await readRouting(source, { hasServer: true });
  const urls = new Set([...routes.values()].map(({ url }) => url).filter((url) => url !== ''));
  const replaced = [...urls].filter((url) => server.embedded || url === placeholderUrl);
  let text = await readFile(source, 'utf8');
  // The longest first: one may be the beginning of another.
  for (const url of replaced.toSorted((one, other) => other.length - one.length))
    text = text.replaceAll(url, server.url);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
};
