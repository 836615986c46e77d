/** What the page shows, as the fragment of its address says it: `#/dead/17?code=invalid_json`. */
export interface Address {
  readonly view: View;
  /** The one thing that is looked at, such as a dead letter's sequence. */
  readonly id: string | undefined;
  readonly query: Readonly<Record<string, string>>;
}

export const views = ['overview', 'graph', 'history', 'dead', 'states', 'find', 'replicas', 'audit'] as const;
export type View = (typeof views)[number];

/** Reads any fragment; one that names no view is the overview. */
export const parseAddress = (fragment: string): Address => {
  const [path = '', query = ''] = fragment.replace(/^#\/?/, '').split('?', 2);
  const [name = '', id = ''] = path.split('/');
  return {
    view: views.find((view) => view === name) ?? 'overview',
    id: decode(id) || undefined,
    query: Object.fromEntries([...new URLSearchParams(query)].filter(([, value]) => value !== '')),
  };
};

export const formatAddress = (address: {
  readonly view: View;
  readonly id?: string | number | undefined;
  readonly query?: Readonly<Record<string, string | undefined>>;
}): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(address.query ?? {})) {
    if (value !== undefined && value !== '') query.set(name, value);
  }
  const name = address.view === 'overview' ? '' : address.view;
  const id = address.id === undefined ? '' : `/${encodeURIComponent(address.id)}`;
  return `#/${name}${id}${query.size === 0 ? '' : `?${query.toString()}`}`;
};

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    // Half an escape, from an address that somebody cut: it names nothing.
    return undefined;
  }
};
