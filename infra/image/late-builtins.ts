import type { Plugin } from 'esbuild';

/**
 * Node's own modules that a bundle imports and seldom needs: compression and TLS of exporters and clients, other programs,
 * files. Each takes 0.4 to 4 ms of processor time to load, together about 10 of a cold start. Whoever calls one loads it.
 */
const late = ['zlib', 'https', 'tls', 'child_process', 'dns/promises', 'fs/promises'] as const;

/** CommonJS with a getter for each name: an import of it touches the module only where a name is used. */
const shim = (name: string): string => {
  const names = Object.keys(process.getBuiltinModule(name) ?? {});
  return `for (const name of ${JSON.stringify(names)}) {
  Object.defineProperty(exports, name, { enumerable: true, get: () => process.getBuiltinModule('node:${name}')[name] });
}`;
};

/** Puts a late one in the place of each of those modules. */
export const lateBuiltins: Plugin = {
  name: 'late-builtins',
  setup(build) {
    const filter = new RegExp(`^(node:)?(${late.join('|')})$`);
    build.onResolve({ filter }, (args) => ({ path: args.path.replace('node:', ''), namespace: 'late-builtins' }));
    build.onLoad({ filter: /.*/, namespace: 'late-builtins' }, (args) => ({ contents: shim(args.path), loader: 'js' }));
  },
};
