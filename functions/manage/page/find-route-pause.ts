import type { Pause } from '../../../shared/message/pause.ts';
import type { StoreStatus } from '../../../shared/operate/commands/status.ts';

/** The pause that holds the messages of a route: its own, else that of the state that it leads to; undefined if none is known. */
export const findRoutePause = (pauses: StoreStatus['pauses'], routeId: string): Pause | undefined => {
  if (!pauses.ok) return undefined;
  const holding = pauses.list.filter(({ keys }) => keys.includes(`route_id=${routeId}`));
  return holding.find(({ kind }) => kind === 'route') ?? holding[0];
};
