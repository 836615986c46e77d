import { bind, signature } from './arguments.ts';
import { hashKey } from './hash-key.ts';
import { collect, iterate } from './iterate.ts';
import { keyError, typeError, valueError } from './python-error.ts';
import { type Method, type MethodTable, PyDict, PyDictView, PyTuple, type PyValue, type Run } from './object.ts';
import { typeName } from './type-name.ts';

/** Sets a member; the first position and the first key stay, as in Python. */
export const setMember = (run: Run, dict: PyDict, key: PyValue, value: PyValue): void => {
  const place = hashKey(run, key);
  if (dict.isShared) run.own(dict);
  const entry = dict.entries.get(place);
  if (entry === undefined) run.meter.entry(dict.entries.size);
  dict.entries.set(place, { key: entry === undefined ? key : entry.key, value });
};

/** Adds the members of a dictionary, or the pairs of an iterable. */
export const mergeInto = (run: Run, dict: PyDict, source: PyValue): void => {
  if (typeof source === 'object' && source !== null && source.kind === 'dict') {
    run.meter.items(source.entries.size);
    for (const { key, value } of source.entries.values()) setMember(run, dict, key, value);
    return;
  }
  let index = 0;
  for (const item of iterate(run, source)) {
    const pair = collect(run, item);
    if (pair.length !== 2) {
      throw valueError(`dictionary update sequence element #${index} has length ${pair.length}; 2 is required`);
    }
    setMember(run, dict, pair[0]!, pair[1]!);
    index += 1;
  }
};

const view =
  (part: PyDictView['part']): Method<PyDict> =>
  (_run, self, args, named) => {
    bind(signature(`dict.${part}`, ''), args, named);
    return new PyDictView(self, part);
  };

const methods: readonly (readonly [string, Method<PyDict>])[] = [
  ['keys', view('keys')],
  ['values', view('values')],
  ['items', view('items')],
  [
    'get',
    (run, self, args, named) => {
      const [key = null, byDefault = null] = bind(signature('get', 'key default?'), args, named);
      const entry = self.entries.get(hashKey(run, key));
      return entry === undefined ? byDefault : entry.value;
    },
  ],
  [
    'pop',
    (run, self, args, named) => {
      const [key = null, byDefault] = bind(signature('pop', 'key default?'), args, named);
      const place = hashKey(run, key);
      const entry = self.entries.get(place);
      if (entry === undefined && byDefault === undefined) throw keyError();
      run.own(self);
      self.entries.delete(place);
      return entry === undefined ? byDefault! : entry.value;
    },
  ],
  [
    'popitem',
    (run, self, args, named) => {
      bind(signature('dict.popitem', ''), args, named);
      run.own(self);
      run.meter.items(self.entries.size * 3);
      const last = [...self.entries].at(-1);
      if (last === undefined) throw keyError("'popitem(): dictionary is empty'");
      self.entries.delete(last[0]);
      return new PyTuple([last[1].key, last[1].value]);
    },
  ],
  [
    'setdefault',
    (run, self, args, named) => {
      const [key = null, byDefault = null] = bind(signature('setdefault', 'key default?'), args, named);
      const entry = self.entries.get(hashKey(run, key));
      if (entry !== undefined) return entry.value;
      setMember(run, self, key, byDefault);
      return byDefault;
    },
  ],
  [
    'update',
    (run, self, args, named) => {
      if (args.length > 1) throw typeError(`update expected at most 1 argument, got ${args.length}`);
      if (args[0] !== undefined) mergeInto(run, self, args[0]);
      for (const [key, value] of named) setMember(run, self, key, value);
      return null;
    },
  ],
  [
    'clear',
    (run, self, args, named) => {
      bind(signature('dict.clear', ''), args, named);
      run.own(self);
      self.entries = new Map();
      return null;
    },
  ],
  [
    'copy',
    (run, self, args, named) => {
      bind(signature('dict.copy', ''), args, named);
      const copy = new PyDict();
      mergeInto(run, copy, self);
      return copy;
    },
  ],
  [
    'fromkeys',
    (run, _self, args, named) => {
      const [keys = null, value = null] = bind(signature('fromkeys', 'iterable value?'), args, named);
      const dict = new PyDict();
      for (const key of iterate(run, keys)) setMember(run, dict, key, value);
      return dict;
    },
  ],
];

export const dictMethodTable: MethodTable<PyDict> = new Map(methods);

/** `dict[key]`. Throws `KeyError` with the key's repr. */
export const memberOfDict = (run: Run, dict: PyDict, key: PyValue): PyValue => {
  const entry = dict.entries.get(hashKey(run, key));
  if (entry === undefined) throw keyError();
  return entry.value;
};

/** `a | b` of two dictionaries. Throws `TypeError` where the other is none. */
export const mergedDict = (run: Run, left: PyDict, right: PyValue): PyDict => {
  if (typeof right !== 'object' || right === null || right.kind !== 'dict') {
    throw typeError(`unsupported operand type(s) for |: 'dict' and '${typeName(right)}'`);
  }
  const merged = new PyDict();
  mergeInto(run, merged, left);
  mergeInto(run, merged, right);
  return merged;
};
