import { order } from './compare.ts';
import { typeError } from './python-error.ts';
import type { NamedArguments, PyValue, Run } from './object.ts';
import { truth } from './truth.ts';

/** A new, stably sorted list: `key` and `reverse` as `sorted` and `list.sort` take them. Throws `TypeError`. */
export const sortItems = (run: Run, items: readonly PyValue[], named: NamedArguments): PyValue[] => {
  for (const key of named.keys()) {
    if (key !== 'key' && key !== 'reverse') throw typeError(`'${key}' is an invalid keyword argument for sort()`);
  }
  run.meter.spend('sorted', items.length);
  const key = named.get('key') ?? null;
  const reverse = truth(named.get('reverse') ?? false);
  const keyed = items.map((item) => ({ item, by: key === null ? item : run.call(key, [item]) }));
  // Python turns the list around before and after: equal items keep their order in both directions.
  if (reverse) keyed.reverse();
  keyed.sort((left, right) => {
    if (order(run, '<', left.by, right.by)) return -1;
    return order(run, '<', right.by, left.by) ? 1 : 0;
  });
  if (reverse) keyed.reverse();
  return keyed.map(({ item }) => item);
};
