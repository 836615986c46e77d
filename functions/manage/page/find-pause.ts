import type { Pause, PauseKind } from '../../../shared/message/pause.ts';
import type { StoreStatus } from '../../../shared/operate/commands/status.ts';

/** The pause of one thing, as far as it is known. */
export const findPause = (pauses: StoreStatus['pauses'], kind: PauseKind, id: string): Pause | undefined =>
  pauses.ok ? pauses.list.find((pause) => pause.kind === kind && pause.id === id) : undefined;
