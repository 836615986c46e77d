#!/usr/bin/env node
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { runCli } from './run-cli.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
  // A second Ctrl-C ends it at once.
  process.once('SIGINT', () => process.exit(130));
});
process.once('SIGTERM', () => interrupt.abort());
// A reader that has seen enough (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const ask = async (question: string): Promise<string> => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question, { signal: interrupt.signal });
  } finally {
    terminal.close();
  }
};

process.exitCode = await runCli(process.argv.slice(2), {
  write: async (text) => {
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  },
  writeError: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY,
  // Read anew for each table: a window may be made wider.
  get columns() {
    return process.stdout.columns as number | undefined;
  },
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin as AsyncIterable<Buffer>,
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
  nowMs: Date.now,
  signal: interrupt.signal,
});
