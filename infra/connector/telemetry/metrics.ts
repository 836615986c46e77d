/** Counters and gauges of the connector: plain numbers by name and label. */
export interface ConnectorMetrics {
  add(name: string, value?: number, label?: string): void;
  set(name: string, value: number, label?: string): void;
  /** `name` or `name{label}` -> value. */
  snapshot(): Readonly<Record<string, number>>;
}

export const createMetrics = (): ConnectorMetrics => {
  // By name and label apart: a name that is put together for each message costs more than the counting.
  const families = new Map<string, Map<string | undefined, { value: number }>>();
  const counterOf = (name: string, label: string | undefined): { value: number } => {
    let family = families.get(name);
    if (family === undefined) families.set(name, (family = new Map()));
    let counter = family.get(label);
    if (counter === undefined) family.set(label, (counter = { value: 0 }));
    return counter;
  };
  return {
    add: (name, value = 1, label) => {
      counterOf(name, label).value += value;
    },
    set: (name, value, label) => {
      counterOf(name, label).value = value;
    },
    snapshot: () => {
      const values = [...families].flatMap(([name, family]) =>
        [...family].map(([label, { value }]) => [label === undefined ? name : `${name}{${label}}`, value] as const),
      );
      return Object.fromEntries(values.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    },
  };
};
