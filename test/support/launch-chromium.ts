import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';

/** A browser for tests, or why there is none. */
export interface ChromiumSource {
  /** For the name of a test: what it runs in, or why it is skipped. */
  readonly name: string;
  /** Undefined: there is none, and the test is skipped. */
  readonly launch: (() => Promise<Browser>) | undefined;
}

/** Chromium from `CHROMIUM_PATH` or `PATH`, else the one of the package `@sparticuz/chromium`, which is for Linux on x64. */
export const findChromium = (): ChromiumSource => {
  const installed = [process.env['CHROMIUM_PATH'], ...onPath()].find(isExecutable);
  if (installed !== undefined) {
    return { name: installed, launch: () => chromium.launch({ executablePath: installed, args: flags }) };
  }
  if (process.platform === 'linux' && process.arch === 'x64') {
    return { name: 'the Chromium of @sparticuz/chromium', launch: launchPacked };
  }
  return {
    name: 'Chromium (SKIPPED: none is on PATH, and the package has none for this system; set CHROMIUM_PATH)',
    launch: undefined,
  };
};

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

const onPath = (): readonly string[] =>
  (process.env['PATH'] ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));

const isExecutable = (path: string | undefined): path is string => {
  if (path === undefined) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Unpacks it into the folder for temporary files once. It brings libraries along for systems that have none of them. */
const launchPacked = async (): Promise<Browser> => {
  const { default: packed, inflate } = await import('@sparticuz/chromium');
  const executablePath = await packed.executablePath();
  // One process, as a system without a sandbox needs it, would end with its first page.
  const options = { executablePath, args: flags };
  const folder = fileURLToPath(new URL('../bin/', import.meta.resolve('@sparticuz/chromium')));
  const libraries = join(tmpdir(), 'al2023', 'lib');
  const environments = [process.env, { ...process.env, LD_LIBRARY_PATH: libraries }];
  for (let tries = 0; ; tries += 1) {
    try {
      return await chromium.launch({ ...options, env: environments[tries % 2]! });
    } catch (error) {
      if (tries > maxTries) throw error;
      await inflate(join(folder, 'al2023.tar.br'));
      // Another test may be unpacking it at this moment.
      await sleep(tries * 500);
    }
  }
};

const maxTries = 10;
