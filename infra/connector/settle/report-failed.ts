import type { Publisher } from '../../../shared/message/outgoing-message.ts';
import { processorStatus } from '../../../shared/message/processor-status.ts';
import type { NatsConnection } from '../../../shared/nats/connect.ts';
import { publishCore } from '../../../shared/nats/publish-core.ts';
import type { RouteConfig } from '../../../shared/routing/routing.ts';
import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import { deadLetterIdOf, type ReceivedMessage } from '../intake/received-message.ts';

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
  const payload = processorStatus(message.routeId, 'FAILED', reason);
  try {
    const { connection, publisher } = await line;
    const { name: stream, subject } = monitor;
    if (!monitor.jetstreamEnabled) return await publishCore(connection, [{ subject, payload }]);
    const id = `failed/${deadLetterIdOf(message)}`;
    const [outcome] = await publisher.publish([{ stream, baseSubject: subject, subject, payload, id }]);
    if (outcome?.ok === false) throw outcome.error;
  } catch (error) {
    log.warn('monitor_status_failed', { id: message.id, ...errorFields(error) });
  }
};
