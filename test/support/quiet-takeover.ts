import { systemClock } from '../../infra/connector/clock.ts';
import { createTakeover, type Takeover, type TakeoverOptions } from '../../infra/connector/intake/takeover.ts';
import { unlimitedTenure } from '../../infra/connector/lease/tenure.ts';
import { ensureConsumers } from '../../shared/nats/ensure-consumer.ts';
import { findStream } from '../../shared/nats/ensure-stream.ts';
import { createLog } from '../../shared/telemetry/log.ts';

/** A takeover of the state stream's durable by somebody who holds nothing and tells nobody; `more` is what a test looks at. */
export const quietTakeover = async (
  connection: TakeoverOptions['connection'],
  ackWaitSeconds: number,
  more: Partial<TakeoverOptions>,
): Promise<Takeover> => {
  const [consumer] = await ensureConsumers(connection, {
    stream: (await findStream(connection, 'processor_state_sync'))!,
    durable: 'processor_state_sync_sub_1',
    filterSubjects: ['processor.state.sync', 'processor.state.sync.>'],
    ackWaitMs: ackWaitSeconds * 1_000,
    maxAckPending: 1_000,
  });
  return createTakeover({
    connection,
    consumer: consumer!,
    clock: systemClock,
    log: createLog({ service: 'test', level: 'ERROR', write: () => undefined, nowMs: Date.now }),
    isHeld: () => false,
    lastHeldSequence: () => 0,
    asking: () => 'asking',
    onLook: () => undefined,
    onMissed: () => undefined,
    onStream: () => undefined,
    settleAgain: () => false,
    laneOf: () => undefined,
    onHold: () => undefined,
    tenure: unlimitedTenure,
    ...more,
  });
};
