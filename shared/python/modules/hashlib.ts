import { createHash, type Hash } from 'node:crypto';

import { bind, signature } from '../objects/arguments.ts';
import { typeError, valueError, withheld } from '../objects/python-error.ts';
import { type NativeCall, PyBytes, PyFunction, PyNamespace, type PyValue, type Run } from '../objects/object.ts';
import { typeName } from '../objects/type-name.ts';

/* Python's names and OpenSSL's. */
const algorithms: ReadonlyMap<string, string> = new Map([
  ['md5', 'md5'],
  ['sha1', 'sha1'],
  ['sha224', 'sha224'],
  ['sha256', 'sha256'],
  ['sha384', 'sha384'],
  ['sha512', 'sha512'],
  ['sha3_224', 'sha3-224'],
  ['sha3_256', 'sha3-256'],
  ['sha3_384', 'sha3-384'],
  ['sha3_512', 'sha3-512'],
  ['blake2b', 'blake2b512'],
  ['blake2s', 'blake2s256'],
]);

const requireBytes = (run: Run, value: PyValue): Uint8Array => {
  if (typeof value === 'string') throw typeError('Strings must be encoded before hashing');
  if (!(value instanceof PyBytes)) throw typeError(`object supporting the buffer API required, not ${typeName(value)}`);
  run.meter.spend('digested', value.bytes.length);
  return value.bytes;
};

const hashObject = (name: string, hash: Hash): PyNamespace => {
  const digest = (): Buffer => hash.copy().digest();
  const size = digest().length;
  const method = (each: string, call: NativeCall): [string, PyValue] => [each, new PyFunction(each, call)];
  return new PyNamespace(
    'HASH',
    '_hashlib.HASH',
    new Map<string, PyValue>([
      ['name', name],
      ['digest_size', BigInt(size)],
      method('hexdigest', (run) => (run.meter.spend('digest', 1), digest().toString('hex'))),
      method('digest', (run) => (run.meter.spend('digest', 1), new PyBytes(Uint8Array.from(digest())))),
      method('copy', (run) => (run.meter.spend('digest', 1), hashObject(name, hash.copy()))),
      method('update', (run, args, named) => {
        hash.update(requireBytes(run, bind(signature('update', 'data'), args, named)[0] ?? null));
        return null;
      }),
    ]),
  );
};

const start = (run: Run, name: string, data: PyValue | undefined): PyNamespace => {
  run.meter.spend('digest', 2);
  const hash = createHash(algorithms.get(name)!);
  if (data !== undefined) hash.update(requireBytes(run, data));
  return hashObject(name, hash);
};

const byName: NativeCall = (run, args, named) => {
  const [name = null, data] = bind(signature('new', 'name data? usedforsecurity?', true), args, named);
  if (typeof name !== 'string') throw typeError(`new() argument 'name' must be str, not ${typeName(name)}`);
  if (!algorithms.has(name.toLowerCase())) throw valueError(`unsupported hash type ${withheld}`);
  return start(run, name.toLowerCase(), data);
};

const constructors = Array.from(algorithms.keys(), (name): [string, PyValue] => [
  name,
  new PyFunction(`openssl_${name}`, (run, args, named) =>
    start(run, name, bind(signature(`openssl_${name}`, 'string? usedforsecurity?', true), args, named)[0]),
  ),
]);

/** The module `hashlib`: the digests that both Python and OpenSSL know by name. */
export const hashlibModule = new PyNamespace(
  'module',
  'hashlib',
  new Map<string, PyValue>([...constructors, ['new', new PyFunction('new', byName)]]),
);
