/** Counters and gauges of the connector: plain numbers by name and label. */
export interface ConnectorMetrics {
  add(name: string, value?: number, label?: string): void;
  set(name: string, value: number, label?: string): void;
  /** `name` or `name{label}` -> value. */
  snapshot(): Readonly<Record<string, number>>;
}

export const createMetrics = (): ConnectorMetrics => {
  const values = new Map<string, number>();
  const keyOf = (name: string, label: string | undefined): string => (label === undefined ? name : `${name}{${label}}`);
  return {
    add: (name, value = 1, label) => {
      const key = keyOf(name, label);
      values.set(key, (values.get(key) ?? 0) + value);
    },
    set: (name, value, label) => values.set(keyOf(name, label), value),
    snapshot: () => Object.fromEntries([...values].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
};
