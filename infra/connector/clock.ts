/** Time as the connector sees it; tests bring their own. */
export interface Clock {
  /** Milliseconds since some moment. No step of the machine's clock changes it: a pause must not become an hour. */
  nowMs(): number;
  /** Milliseconds since the epoch: for what people read. */
  epochMs(): number;
  /** Calls back once; returns how to call it off. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
  /** Calls back once, after what has arrived by now has been read. */
  soon(callback: () => void): void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (callback) => {
    setImmediate(callback);
  },
};

/** A pause on that clock. */
export const pause = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
