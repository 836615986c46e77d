import type { LeaseBucket } from '../../../shared/nats/lease-bucket.ts';
import { pause, type Clock } from '../clock.ts';
import { createMemberSigns, memberWords } from './member-signs.ts';
import type { MemberSight } from './share-leases.ts';

export interface MembersOptions {
  readonly bucket: LeaseBucket;
  readonly own: string;
  /** Who says nothing for so long is not alive. */
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Whether this one reaches the functions, as far as it knows. */
  readonly reachesFunctions: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** The connectors that are alive: each writes a key of its own again and again. */
export interface Members {
  /** This one among them. */
  readonly alive: readonly MemberSight[];
  /** Resolves when it has looked once. */
  start(): Promise<void>;
  /** Looks who is there now, sooner than it would by itself. */
  look(): Promise<void>;
  /** Tells the others that we go: what we hold is free for them as soon as we give it up. */
  stop(): Promise<void>;
}

const prefix = 'connector';

export const createMembers = (options: MembersOptions): Members => {
  const { bucket, own, ttlMs, clock, reachesFunctions, onError } = options;
  const ownKey = `${prefix}.${own}`;
  const signs = createMemberSigns(ttlMs);
  const stopping = new AbortController();

  const look = async (): Promise<void> => {
    const keys = (await bucket.keysBelow(prefix)).filter((key) => key !== ownKey);
    const lookAt = async (key: string): Promise<void> => signs.saw(key, await bucket.read(key), clock.nowMs());
    await Promise.all(signs.due(keys, clock.nowMs()).map(lookAt));
  };
  const beat = async (): Promise<void> => {
    if (!stopping.signal.aborted)
      await bucket.put(ownKey, reachesFunctions() ? memberWords.present : memberWords.cutOff);
    await look();
  };
  const beatOn = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await pause(clock, ttlMs / 3);
      if (!stopping.signal.aborted) await beat().catch(onError);
    }
  };

  return {
    get alive() {
      const others = signs.alive(clock.nowMs()).map(({ key, value }) => ({
        name: key.slice(prefix.length + 1),
        reachesFunctions: value !== memberWords.cutOff,
      }));
      return [{ name: own, reachesFunctions: reachesFunctions() }, ...others];
    },
    start: async () => {
      await beat().catch(onError);
      void beatOn();
    },
    look,
    stop: async () => {
      stopping.abort();
      await bucket.put(ownKey, memberWords.gone).catch(onError);
    },
  };
};
