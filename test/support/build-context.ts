import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { at, fieldsOf, listOf, repositoryRoot, textOf, type Fields } from './kubernetes-manifests.ts';

/**
 * Lays out a function's build context by faas-cli's rules for `lang: dockerfile`: the handler's entries at the top (without
 * `build` and `template`), then each path of `configuration.copy` at its own place.
 */
export const assembleContext = async (stack: Fields, functionName: string, folder: string): Promise<void> => {
  const handler = join(repositoryRoot, textOf(at(stack, 'functions', functionName, 'handler')));
  await mkdir(folder, { recursive: true });
  for (const entry of await readdir(handler)) {
    if (entry === 'build' || entry === 'template') continue;
    await cp(join(handler, entry), join(folder, entry), { recursive: true });
  }
  for (const path of listOf(fieldsOf(stack['configuration'])['copy']).map(textOf)) {
    // As faas-cli does: a link becomes what it leads to.
    await cp(join(repositoryRoot, path), join(folder, path), { recursive: true, dereference: true });
  }
};
