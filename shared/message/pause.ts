/** What an operator can pause. */
export const pauseKinds = ['durable', 'function', 'state', 'route'] as const;
export type PauseKind = (typeof pauseKinds)[number];

/** Something that an operator has paused. Times are milliseconds since 1970. */
export interface Pause {
  readonly kind: PauseKind;
  /** Name of the durable or the function, id of the state or the route. */
  readonly id: string;
  /** What people call it. */
  readonly name: string | null;
  /** Of a state or a route: the lanes that wait, as `field=id`. */
  readonly keys: readonly string[];
  readonly sinceMs: number;
  /** When it ends by itself; null: when somebody ends it. */
  readonly untilMs: number | null;
  readonly by: string;
}

/** What is paused of one function of one durable. */
export interface PausedNow {
  readonly isDurablePaused: boolean;
  readonly isFunctionPaused: boolean;
  readonly keys: ReadonlySet<string>;
}

export const isOver = ({ untilMs }: Pick<Pause, 'untilMs'>, nowMs: number): boolean =>
  untilMs !== null && untilMs <= nowMs;

export const pausedNow = (
  pauses: Iterable<Pause>,
  of: { readonly durable: string; readonly functionName: string },
  nowMs: number,
): PausedNow => {
  const held = [...pauses].filter((pause) => !isOver(pause, nowMs));
  const isPaused = (kind: PauseKind, id: string): boolean =>
    held.some((pause) => pause.kind === kind && pause.id === id);
  const isDurablePaused = isPaused('durable', of.durable);
  return {
    isDurablePaused,
    // What was pulled of a paused durable waits too.
    isFunctionPaused: isDurablePaused || isPaused('function', of.functionName),
    keys: new Set(held.flatMap(({ keys }) => keys)),
  };
};

/** When the next pause ends by itself; undefined if none does. */
export const nextPauseEndMs = (pauses: Iterable<Pause>, nowMs: number): number | undefined => {
  const ends = [...pauses].flatMap(({ untilMs }) => (untilMs !== null && untilMs > nowMs ? [untilMs] : []));
  return ends.length === 0 ? undefined : Math.min(...ends);
};

/** Reads what was written by `JSON.stringify`; undefined if it is something else: a pause that nobody understands pauses nothing. */
export const parsePause = (text: string): Pause | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { kind, id, name, keys, sinceMs, untilMs, by } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const known = pauseKinds.find((one) => one === kind);
  if (known === undefined || typeof id !== 'string') return undefined;
  return {
    kind: known,
    id,
    name: typeof name === 'string' ? name : null,
    keys: Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [],
    sinceMs: typeof sinceMs === 'number' ? sinceMs : 0,
    untilMs: typeof untilMs === 'number' ? untilMs : null,
    by: typeof by === 'string' ? by : '',
  };
};
