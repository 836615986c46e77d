import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import type { CliIo } from './cli-io.ts';
import { visible } from './output.ts';

/** Where much data goes: a file, or stdout. */
export interface Sink {
  readonly write: (text: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** @param path of a file; undefined: stdout */
export const openSink = (io: CliIo, path: string | undefined): Sink => {
  if (path === undefined) {
    // A pipe gets the data as they are; a terminal must not obey them.
    const write = io.isTerminal ? (text: string) => io.write(visible(text)) : io.write;
    return { write, close: async () => undefined };
  }
  const file = createWriteStream(resolve(io.cwd, path));
  const done = finished(file);
  // Awaited by close(); until then a failure must not count as unhandled.
  done.catch(() => undefined);
  return {
    write: async (text) => {
      if (!file.write(text)) await Promise.race([once(file, 'drain'), done]);
    },
    close: async () => {
      file.end();
      await done;
    },
  };
};
