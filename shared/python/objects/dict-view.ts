import { hashKey } from './hash-key.ts';
import { type PyDictView, PySet, PyTuple, type PyValue, type Run } from './object.ts';

/** What a view of a dictionary lists, in order. */
export const viewItems = (view: PyDictView): PyValue[] =>
  Array.from(view.dict.entries.values(), ({ key, value }) =>
    view.part === 'keys' ? key : view.part === 'values' ? value : new PyTuple([key, value]),
  );

/** A set as it is and the keys or items of a dictionary as a set; undefined for anything else. */
export const viewAsSet = (run: Run, value: PyValue): PySet | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  if (value.kind === 'set') return value;
  if (value.kind !== 'view' || value.part === 'values') return undefined;
  run.meter.items(value.dict.entries.size);
  run.meter.spend('entry', value.dict.entries.size);
  return new PySet(new Map(viewItems(value).map((item) => [hashKey(run, item), item])));
};
