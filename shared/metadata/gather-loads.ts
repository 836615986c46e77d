/** Of one read. */
const maxKeys = 500;

/**
 * Loads of single keys that are asked for in one turn of the event loop become one read of all of them.
 *
 * @param loadMany what is known of those keys; the unknown ones are absent
 * @param loadOne for a key that is alone; and for each key of a read that failed, so that what is wrong with one is its own
 */
export const gatherLoads = <V>(
  loadMany: (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>,
  loadOne: (key: string) => Promise<V | undefined>,
): ((key: string) => Promise<V | undefined>) => {
  let waiting: Asked<V>[] = [];

  const alone = ({ key, resolve, reject }: Asked<V>): void => void loadOne(key).then(resolve, reject);

  const read = (part: readonly Asked<V>[]): void => {
    if (part.length === 1) return part.forEach(alone);
    loadMany(part.map(({ key }) => key)).then(
      (found) => part.forEach(({ key, resolve }) => resolve(found.get(key))),
      () => part.forEach(alone),
    );
  };

  const readAll = (): void => {
    const asked = waiting;
    waiting = [];
    for (let from = 0; from < asked.length; from += maxKeys) read(asked.slice(from, from + maxKeys));
  };

  return (key) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(readAll);
      waiting.push({ key, resolve, reject });
    });
};

interface Asked<V> {
  readonly key: string;
  readonly resolve: (value: V | undefined) => void;
  readonly reject: (error: unknown) => void;
}
