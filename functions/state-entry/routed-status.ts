import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import { processorStatus } from '../../shared/message/processor-status.ts';
import type { RouteConfig } from '../../shared/routing/routing.ts';
import { subjectFor } from '../../shared/routing/subject.ts';

/** Tells the monitor that a message of the route is on its way to its processor (reference.md B.4, H). */
export const routedStatus = (monitorRoute: RouteConfig, routeId: string, deliveryId: string): OutgoingMessage => ({
  stream: monitorRoute.name,
  baseSubject: monitorRoute.subject,
  subject: subjectFor(monitorRoute, null, null),
  payload: processorStatus(routeId, 'ROUTED', null),
  id: `${deliveryId}/${routeId}/routed`,
});
