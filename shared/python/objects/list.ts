import { bind, countOr, signature } from './arguments.ts';
import { collect } from './iterate.ts';
import { type Method, type MethodTable, PyList } from './object.ts';
import { indexError, typeError, valueError } from './python-error.ts';
import { positionIn, positionOf, sequenceMethods } from './sequence.ts';
import { sortItems } from './sort-items.ts';

const listMethods: readonly (readonly [string, Method<PyList>])[] = [
  [
    'append',
    (run, self, args, named) => {
      const [item = null] = bind(signature('list.append', 'object'), args, named);
      run.own(self);
      run.meter.items(1);
      run.meter.grown(self.items.length + 1);
      self.items.push(item);
      return null;
    },
  ],
  [
    'extend',
    (run, self, args, named) => {
      const added = collect(run, bind(signature('list.extend', 'iterable'), args, named)[0] ?? null);
      run.own(self);
      run.meter.items(self.items.length + added.length);
      self.items = [...self.items, ...added];
      return null;
    },
  ],
  [
    'insert',
    (run, self, args, named) => {
      const [index = null, item = null] = bind(signature('insert', 'index object'), args, named);
      run.own(self);
      run.meter.items(self.items.length + 1);
      self.items.splice(countOr(index, 0), 0, item);
      return null;
    },
  ],
  [
    'pop',
    (run, self, args, named) => {
      const [index = -1n] = bind(signature('pop', 'index?'), args, named);
      if (self.items.length === 0) throw indexError('pop from empty list');
      run.own(self);
      const position = positionIn(index, self.items.length, 'list', 'pop index out of range');
      run.meter.items(self.items.length - position);
      return self.items.splice(position, 1)[0]!;
    },
  ],
  [
    'remove',
    (run, self, args, named) => {
      const [wanted = null] = bind(signature('list.remove', 'value'), args, named);
      const position = positionOf(run, self.items, wanted);
      if (position === -1) throw valueError('list.remove(x): x not in list');
      run.own(self);
      self.items.splice(position, 1);
      return null;
    },
  ],
  [
    'clear',
    (run, self, args, named) => {
      bind(signature('list.clear', ''), args, named);
      run.own(self);
      self.items = [];
      return null;
    },
  ],
  [
    'copy',
    (run, self, args, named) => {
      bind(signature('list.copy', ''), args, named);
      run.meter.items(self.items.length);
      return new PyList([...self.items]);
    },
  ],
  [
    'reverse',
    (run, self, args, named) => {
      bind(signature('list.reverse', ''), args, named);
      run.own(self);
      run.meter.items(self.items.length);
      self.items.reverse();
      return null;
    },
  ],
  [
    'sort',
    (run, self, args, named) => {
      if (args.length > 0) throw typeError('sort() takes no positional arguments');
      run.own(self);
      self.items = sortItems(run, self.items, named);
      return null;
    },
  ],
];

/** Methods of a list. */
export const listMethodTable: MethodTable<PyList> = new Map<string, Method<PyList>>([
  ...sequenceMethods,
  ...listMethods,
]);
