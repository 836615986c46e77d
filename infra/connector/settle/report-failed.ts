import { pythonJson } from '../../../shared/json/write-json.ts';
import type { Publisher } from '../../../shared/message/outgoing-message.ts';
import type { NatsConnection } from '../../../shared/nats/connect.ts';
import { publishCore } from '../../../shared/nats/publish-core.ts';
import type { RouteConfig } from '../../../shared/routing/routing.ts';
import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import type { ReceivedMessage } from '../intake/received-message.ts';

export interface MonitorLine {
  readonly connection: NatsConnection;
  readonly publisher: Publisher;
}

/**
 * Tells the ecosystem's monitor of a message that was given up. Nothing depends on it, so it never throws.
 * @param line resolves to the connection of the monitor's route
 */
export const reportFailed = async (
  monitor: RouteConfig,
  line: Promise<MonitorLine>,
  log: Log,
  message: ReceivedMessage,
  reason: string,
): Promise<void> => {
  const payload = failedStatus(message.routeId, reason);
  try {
    const { connection, publisher } = await line;
    const { name: stream, subject } = monitor;
    if (!monitor.jetstreamEnabled) return await publishCore(connection, [{ subject, payload }]);
    const id = `failed/${message.deadLetterId}`;
    const [outcome] = await publisher.publish([{ stream, baseSubject: subject, subject, payload, id }]);
    if (outcome?.ok === false) throw outcome.error;
  } catch (error) {
    log.warn('monitor_status_failed', { id: message.id, ...errorFields(error) });
  }
};

/** The `processor_state` message that tells the monitor of a failed message (reference.md B.4, H), byte for byte. */
export const failedStatus = (routeId: string | null, reason: string): Uint8Array => {
  const quoted = (text: string | null): string => pythonJson(text, { ascii: true });
  const text = `{"type": "processor_state", "route_id": ${quoted(routeId)}, "status": "FAILED", "exception": ${quoted(reason)}, "data": null}`;
  return new TextEncoder().encode(text);
};
