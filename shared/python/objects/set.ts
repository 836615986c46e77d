import { bind, signature } from './arguments.ts';
import { isSubset } from './compare.ts';
import { hashKey } from './hash-key.ts';
import { iterate } from './iterate.ts';
import { keyError } from './python-error.ts';
import { type Method, type MethodTable, PySet, type PyValue, type Run } from './object.ts';
import { viewAsSet } from './dict-view.ts';

export const addMember = (run: Run, set: PySet, value: PyValue): void => {
  const key = hashKey(run, value);
  if (set.members.has(key)) return;
  run.meter.entry(set.members.size);
  set.members.set(key, value);
};

/** The distinct items of an iterable, in the order in which they come (CPython's order is that of the hashes). */
const setOf = (run: Run, value: PyValue): PySet => {
  const known = viewAsSet(run, value);
  if (known !== undefined) return known;
  const set = new PySet();
  for (const item of iterate(run, value)) addMember(run, set, item);
  return set;
};

export type SetOperator = '&' | '|' | '-' | '^';

/** `a & b`, `a | b`, `a - b`, `a ^ b` of two sets. */
export const combineSets = (run: Run, operator: SetOperator, left: PySet, right: PySet): PySet => {
  run.meter.items(left.members.size + right.members.size);
  run.meter.spend('entry', left.members.size + (operator === '|' || operator === '^' ? right.members.size : 0));
  const result = new PySet();
  for (const [key, value] of left.members) {
    if (operator === '|' || right.members.has(key) === (operator === '&')) result.members.set(key, value);
  }
  if (operator === '|' || operator === '^') {
    for (const [key, value] of right.members) if (!left.members.has(key)) result.members.set(key, value);
  }
  return result;
};

const combining =
  (operator: SetOperator): Method<PySet> =>
  (run, self, args) => {
    run.meter.spend('entry', self.members.size);
    return args.reduce<PySet>(
      (result, other) => combineSets(run, operator, result, setOf(run, other)),
      new PySet(new Map(self.members)),
    );
  };

const changing =
  (operator: SetOperator): Method<PySet> =>
  (run, self, args) => {
    for (const other of args) {
      const result = combineSets(run, operator, self, setOf(run, other));
      self.members.clear();
      for (const [key, value] of result.members) self.members.set(key, value);
    }
    return null;
  };

const testing =
  (name: string, holds: (run: Run, self: PySet, other: PySet) => boolean): Method<PySet> =>
  (run, self, args, named) =>
    holds(run, self, setOf(run, bind(signature(name, 'other'), args, named)[0] ?? null));

const removing =
  (name: string, strict: boolean): Method<PySet> =>
  (run, self, args, named) => {
    const [value = null] = bind(signature(name, 'element'), args, named);
    if (!self.members.delete(hashKey(run, value)) && strict) throw keyError();
    return null;
  };

const methods: readonly (readonly [string, Method<PySet>])[] = [
  ['union', combining('|')],
  ['intersection', combining('&')],
  ['difference', combining('-')],
  ['symmetric_difference', combining('^')],
  ['update', changing('|')],
  ['intersection_update', changing('&')],
  ['difference_update', changing('-')],
  ['symmetric_difference_update', changing('^')],
  ['issubset', testing('issubset', isSubset)],
  ['issuperset', testing('issuperset', (run, self, other) => isSubset(run, other, self))],
  ['isdisjoint', testing('isdisjoint', (run, self, other) => combineSets(run, '&', self, other).members.size === 0)],
  ['remove', removing('set.remove', true)],
  ['discard', removing('set.discard', false)],
  [
    'add',
    (run, self, args, named) => {
      addMember(run, self, bind(signature('set.add', 'element'), args, named)[0] ?? null);
      return null;
    },
  ],
  [
    'pop',
    (_run, self, args, named) => {
      bind(signature('set.pop', ''), args, named);
      for (const [key, value] of self.members) {
        self.members.delete(key);
        return value;
      }
      throw keyError("'pop from an empty set'");
    },
  ],
  [
    'copy',
    (run, self, args, named) => {
      bind(signature('set.copy', ''), args, named);
      run.meter.spend('entry', self.members.size);
      return new PySet(new Map(self.members));
    },
  ],
  [
    'clear',
    (_run, self, args, named) => {
      bind(signature('set.clear', ''), args, named);
      self.members.clear();
      return null;
    },
  ],
];

export const setMethodTable: MethodTable<PySet> = new Map(methods);
