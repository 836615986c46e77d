/**
 * The text of a bundle's `index.js`: it runs `bundle.js` beside it with V8's code cache. Node's own compile cache holds only what is
 * compiled before a script runs, so each function of a bundle would be compiled again at its first call, in every new process:
 * two fifths of the processor time to a first stored message. This cache is made at the end of a process, with everything that
 * ran in it.
 *
 * It lies in the folder `NODE_COMPILE_CACHE`; without one there is none. V8 takes a cache only of its own version, with its
 * own options, but of the source it compares the length alone: so the file's name has the digest of the source. Of the cache it
 * checks no sum, and a wrong bit ends the process: so the file ends with a sum, and one that is damaged is as none.
 * @param digest of `bundle.js`
 */
export const bundleLoader = (digest: string): string => `'use strict';
const { hash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const file = join(__dirname, 'bundle.js');
const folder = process.env.NODE_COMPILE_CACHE;
const cacheFile = folder && join(folder, '${digest}-' + process.arch + '-' + process.versions.v8 + '.code');

// Of the module that every bundle loads anyway.
const sumBytes = 20;
const sumOf = (data) => hash('sha1', data, 'buffer');

const readCache = () => {
  try {
    const whole = cacheFile && readFileSync(cacheFile);
    const data = whole && whole.subarray(0, -sumBytes);
    return data && sumOf(data).equals(whole.subarray(-sumBytes)) ? data : undefined;
  } catch {
    return undefined; // none was made yet, or not a whole one
  }
};

const writeCache = () => {
  try {
    mkdirSync(folder, { recursive: true });
    const data = script.createCachedData();
    writeFileSync(cacheFile + '.' + process.pid, Buffer.concat([data, sumOf(data)]));
    renameSync(cacheFile + '.' + process.pid, cacheFile);
  } catch {
    // A folder that cannot be written to: the next start is as slow as this one.
  }
};

const cachedData = readCache();
const source = '(function (exports, require, module, __filename, __dirname) {' + readFileSync(file, 'utf8') + '\\n})';
const script = new Script(source, { filename: file, cachedData });
if (cacheFile && (cachedData === undefined || script.cachedDataRejected)) process.once('exit', writeCache);
script.runInThisContext()(exports, require, module, file, __dirname);
`;
