import { pythonJson } from '../../shared/json/write-json.ts';
import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import type { RouteConfig } from '../../shared/routing/routing.ts';
import { subjectFor } from '../../shared/routing/subject.ts';

const utf8 = new TextEncoder();

/** Tells the monitor that a message of the route is on its way to its processor (reference.md B.4, H). */
export const routedStatus = (monitorRoute: RouteConfig, routeId: string, deliveryId: string): OutgoingMessage => {
  const id = pythonJson(routeId, { ascii: true });
  return {
    stream: monitorRoute.name,
    baseSubject: monitorRoute.subject,
    subject: subjectFor(monitorRoute, null, null),
    payload: utf8.encode(
      `{"type": "processor_state", "route_id": ${id}, "status": "ROUTED", "exception": null, "data": null}`,
    ),
    id: `${deliveryId}/${routeId}/routed`,
  };
};
