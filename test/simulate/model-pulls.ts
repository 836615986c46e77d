/** A request for messages that waits at the server. */
export interface WaitingPull {
  /** The connection that it came over, and where what comes goes to. */
  readonly connection: number;
  readonly inbox: number;
  /** On the server's clock. */
  readonly endsAtMs: number;
  /** Whether the network kept it back. */
  readonly isLate: boolean;
  left: number;
}

/** The requests that wait at a consumer, in the order in which they came. */
export const createModelPulls = () => {
  let waiting: WaitingPull[] = [];
  const drop = (isDropped: (pull: WaitingPull) => boolean): void => {
    waiting = waiting.filter((pull) => !isDropped(pull));
  };
  return {
    get waiting(): readonly WaitingPull[] {
      return waiting;
    },
    add: (pull: WaitingPull): void => void waiting.push(pull),
    /** One of its messages is on its way; one that is filled is over. */
    serve: (pull: WaitingPull): void => {
      pull.left -= 1;
      drop(({ left }) => left === 0);
    },
    /** Nobody listens there any more. */
    drop,
    /** Those that end now. */
    expire: (nowMs: number): readonly WaitingPull[] => {
      const ended = waiting.filter(({ endsAtMs }) => endsAtMs <= nowMs);
      drop((pull) => ended.includes(pull));
      return ended;
    },
  };
};
