/** What a key of a bucket holds, and where it stands. */
export interface KeySight {
  readonly revision: number;
  readonly text: string | undefined;
}

/** One key of a key-value bucket, which is written by compare-and-set. Any replica answers a read: it may be behind. */
export const createModelBucket = () => {
  let now: KeySight = nothing;
  let before: KeySight = nothing;
  return {
    get now() {
      return now;
    },
    read: (isBehind: boolean): KeySight => (isBehind ? before : now),
    /** The new revision; undefined if somebody wrote since that one. */
    write: (text: string, revision: number): number | undefined => {
      if (revision !== now.revision) return undefined;
      before = now;
      now = { revision: revision + 1, text };
      return now.revision;
    },
    /** Somebody deletes it: it counts from the beginning again. */
    deleteAll: (): void => {
      before = nothing;
      now = nothing;
    },
  };
};

const nothing: KeySight = { revision: 0, text: undefined };
