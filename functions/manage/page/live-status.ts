import type { StoreStatus } from '../../../shared/operate/commands/status.ts';

/** How one cache of a replica does. */
export interface CacheCounts {
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
}

/** One event of the live status: the status, and what the warm replicas say of themselves. */
export interface LiveStatus extends StoreStatus {
  readonly replicas: readonly {
    readonly function: string;
    readonly replica?: string;
    readonly caches?: Readonly<Record<string, CacheCounts>>;
  }[];
  readonly metrics: readonly { readonly text?: string }[];
}
