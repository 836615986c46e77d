import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const source = fileURLToPath(new URL('../../functions/manage/page/', import.meta.url));

/**
 * Builds the operator's page: one document with its script and its style inside, which needs no other request.
 * @throws Error if the page does not build, or if `index.html` does not name its script and its style once
 */
export const buildPage = async (): Promise<string> => {
  const [html, style, script] = await Promise.all([
    readFile(`${source}index.html`, 'utf8'),
    bundle('style.css'),
    bundle('main.tsx'),
  ]);
  const withStyle = inPlaceOf(html, '<link rel="stylesheet" href="style.css" />', `<style>${style}</style>`);
  return inPlaceOf(withStyle, '<script type="module" src="main.tsx"></script>', `<script>${script}</script>`);
};

const bundle = async (entry: string): Promise<string> => {
  const { outputFiles } = await build({
    absWorkingDir: source,
    entryPoints: [entry],
    bundle: true,
    // A page that needs a module of Node is a fault of the build.
    platform: 'browser',
    format: 'iife',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
    write: false,
  });
  const [output] = outputFiles;
  if (output === undefined || outputFiles.length !== 1) throw new Error(`${entry}: expected one file`);
  return output.text.trim();
};

/** Puts a text in the place of a tag that must be there once. */
const inPlaceOf = (html: string, tag: string, text: string): string => {
  const pieces = html.split(tag);
  if (pieces.length !== 2) throw new Error(`index.html must have this tag once: ${tag}`);
  return pieces.join(text);
};
