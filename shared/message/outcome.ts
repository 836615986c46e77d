import type { ErrorCode } from '../errors/error-code.ts';

/** What became of one delivery. `ack` is said only of what has committed and whose forwards the server confirmed. */
export type Outcome =
  | { readonly id: string; readonly outcome: 'ack' }
  | {
      readonly id: string;
      readonly outcome: 'retry';
      readonly code: ErrorCode;
      readonly reason: string;
      readonly delayMs?: number;
    }
  | { readonly id: string; readonly outcome: 'reject'; readonly code: ErrorCode; readonly reason: string };

/** The body of a 200 answer to a batch: one outcome for every id; a missing one counts as a failure. */
export interface BatchReply {
  readonly results: readonly Outcome[];
}
