import { boolType } from '../objects/bool.ts';
import { bytesType } from '../objects/bytes.ts';
import { floatType } from '../objects/float.ts';
import { intType } from '../objects/int.ts';
import { iterate } from '../objects/iterate.ts';
import { type NativeCall, PyIterator, PyTuple, PyType, type PyValue, type Run } from '../objects/object.ts';
import { notImplementedError, valueError } from '../objects/python-error.ts';
import { rangeType } from '../objects/range.ts';
import { sliceType } from '../objects/slice.ts';
import { strType } from '../objects/str/str.ts';
import { truth } from '../objects/truth.ts';
import { tupleType } from '../objects/tuple.ts';

function* zipped(run: Run, iterators: readonly Iterator<PyValue>[], strict: boolean): Generator<PyValue> {
  if (iterators.length === 0) return;
  for (;;) {
    const items: PyValue[] = [];
    for (const [index, iterator] of iterators.entries()) {
      const next = iterator.next();
      if (next.done === true) {
        const longer = index === 0 ? iterators.findIndex((other, at) => at > 0 && other.next().done !== true) : -1;
        if (strict && index > 0)
          throw valueError(
            `zip() argument ${index + 1} is shorter than argument${index === 1 ? ' 1' : `s 1-${index}`}`,
          );
        if (strict && longer !== -1)
          throw valueError(
            `zip() argument ${longer + 1} is longer than argument${longer === 1 ? ' 1' : `s 1-${longer}`}`,
          );
        return;
      }
      items.push(next.value);
    }
    run.meter.charge(1);
    yield new PyTuple(items);
  }
}

const toZip: NativeCall = (run, args, named) => {
  run.meter.spend('container', 1);
  const iterators = args.map((each) => iterate(run, each));
  return new PyIterator('zip', zipped(run, iterators, truth(named.get('strict') ?? false)));
};

/** The types that have a name in the language; all others (`list`, `dict`, `set`, `type`) are not available. */
export const builtinTypes: readonly PyType[] = [
  intType,
  boolType,
  floatType,
  strType,
  bytesType,
  tupleType,
  rangeType,
  sliceType,
  new PyType('zip', toZip),
  new PyType('complex', () => {
    throw notImplementedError('complex numbers are not supported');
  }),
];
