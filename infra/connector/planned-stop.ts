/**
 * What a durable's work does at a planned stop:
 * - `drain`: no request is sent any more.
 * - `end_pulls`: the server is told that nothing more is asked for, and what it has sent by then is taken.
 * - `wait_shortly`: what is in flight may end, for a moment. The ledger makes another one's second try harmless.
 * - `hand_back`: what is held goes back to the server; no sign of life keeps it.
 * - `give_up_lease`: somebody else may read from then on.
 * - `wait`: what is in flight may end, for the rest of the time.
 * - `abort`: what is still in flight is broken off.
 */
export type StopStep = 'drain' | 'end_pulls' | 'wait_shortly' | 'hand_back' | 'give_up_lease' | 'wait' | 'abort';

/**
 * In this order (L7). What the server had sent is handed back with the rest, or it would come behind later messages of its key. Nobody
 * else reads before that.
 */
export const plannedStop: readonly StopStep[] = [
  'drain',
  'end_pulls',
  'wait_shortly',
  'hand_back',
  'give_up_lease',
  'wait',
  'abort',
];
