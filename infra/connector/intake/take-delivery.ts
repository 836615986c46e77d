import type { Msg } from '../../../shared/nats/connect.ts';
import type { BoundConsumer } from '../../../shared/nats/ensure-consumer.ts';
import { deliveryInfo } from '../../../shared/nats/jetstream-message.ts';
import type { Puller } from '../../../shared/nats/pull-messages.ts';
import type { RouteConfig, TriggerConfig } from '../../../shared/routing/routing.ts';
import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import type { Clock } from '../clock.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { mayBegin, type Tenure } from '../lease/tenure.ts';
import type { RecentAnswers } from '../settle/recent-answers.ts';
import type { Settler } from '../settle/settler.ts';
import type { ConnectorMetrics } from '../telemetry/metrics.ts';
import { classifyPayload, type Classified } from './classify-payload.ts';
import type { LaneName } from './held-back.ts';
import { meetDelivery, type HeldMessages } from './held-messages.ts';
import { receiveMessage, storedKey, type RawDelivery } from './received-message.ts';
import type { Takeover } from './takeover.ts';

/** One consumer of a durable's name: servers before 2.10 need one for each subject. */
export interface Source {
  readonly consumer: BoundConsumer;
  readonly takeover: Takeover;
  puller: Puller | undefined;
}

/** What a delivery meets. */
export interface Taking {
  readonly route: RouteConfig;
  readonly triggers: readonly TriggerConfig[];
  /** The shared token: what a replay is signed with. */
  readonly token: string | undefined;
  readonly held: HeldMessages<Source>;
  readonly recent: RecentAnswers;
  readonly settler: Settler;
  /** By the function's name. */
  readonly dispatchers: ReadonlyMap<string, Dispatcher>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ConnectorMetrics;
  readonly tenure: Tenure;
}

/** One delivery. */
interface Delivery extends RawDelivery {
  readonly source: Source;
}

/**
 * Takes one delivery: it is answered again, known already, or new. An error that nobody expected costs a new message itself, as a
 * dead letter of its own.
 * @throws whatever goes wrong with a message that is known; the server then delivers it again
 */
export const takeDelivery = (taking: Taking, source: Source, raw: Msg): void => {
  const { held, metrics } = taking;
  // Whoever reads now looks for it and has it handed back (L3).
  if (!mayBegin(taking.tenure)) return metrics.add('not_taken');
  const reply = raw.reply ?? '';
  const info = deliveryInfo(reply);
  if (source.takeover.misses(info.consumerSequence)) {
    metrics.add('not_taken');
    taking.log.warn('delivery_missed', { consumer: info.consumer, before: info.sequence });
    return source.puller?.beginAnew();
  }
  const key = storedKey(info.sequence, info.timestampNs);
  const met = meetDelivery(key, held, taking.recent);
  if (met.kind === 'new') return takeNew(taking, { raw, data: raw.data, source, info, storedKey: key });
  source.takeover.seen(info.sequence);
  if (met.kind === 'settled') {
    taking.settler.repeat(met.answer, reply);
    return metrics.add('redelivered_when_settled');
  }
  const { message, lane, deliveryCount } = held.redelivered(met.held, { reply, deliveryCount: info.deliveryCount });
  metrics.add('redelivered_while_held');
  if (lane === undefined) return;
  const dispatcher = taking.dispatchers.get(lane.functionName);
  dispatcher?.feed({ type: 'message_redelivered', key: lane.key, message, deliveryCount });
};

/** The lane of a message: its key, by the field that it comes from; undefined for what no function gets. */
export const laneOf = (classified: Classified): LaneName | undefined => {
  if (!classified.ok) return undefined;
  const { trigger, key } = classified;
  let names = laneNames.get(trigger);
  if (names === undefined) laneNames.set(trigger, (names = new Map()));
  let name = names.get(key);
  if (name === undefined) {
    if (names.size >= maxLaneNames) names.clear();
    names.set(key, (name = { functionName: trigger.function, key: `${trigger.key}=${key}` }));
  }
  return name;
};

/** One for all messages of a lane that are held. */
const laneNames = new WeakMap<TriggerConfig, Map<string, LaneName>>();
const maxLaneNames = 1_024;

const takeNew = (taking: Taking, delivery: Delivery): void => {
  const { sequence } = delivery.info;
  try {
    delivery.source.takeover.seen(sequence);
    sortIn(taking, delivery);
  } catch (error) {
    taking.log.error('message_not_taken', { stream: taking.route.name, sequence, ...errorFields(error) });
    giveUp(taking, delivery, error);
  }
};

/** Holds a message and gives it to the dispatch of its function, or rejects what no function can read. */
const sortIn = (taking: Taking, delivery: Delivery): void => {
  const { data, source, info } = delivery;
  const classified = classifyPayload(data, taking.triggers);
  const message = receiveMessage(delivery, classified, { nowMs: taking.clock.nowMs(), token: taking.token });
  const { reply, deliveryCount } = message;
  const lane = laneOf(classified);
  taking.held.add({ message, source, lane, reply, deliveryCount });
  taking.metrics.add('received', 1, taking.route.name);
  if (lane !== undefined) {
    const { maxDeliver } = source.consumer;
    source.takeover.met(lane, info.sequence);
    const dispatcher = taking.dispatchers.get(lane.functionName)!;
    dispatcher.feed({ type: 'message_received', key: lane.key, message, maxDeliver });
  } else if (!classified.ok) {
    const { code, reason } = classified;
    taking.settler.reject(message, { code, reason, attempts: 0 });
  }
};

/** The reason names the kind of error only: its text may hold a part of the payload. */
const giveUp = (taking: Taking, delivery: Delivery, error: unknown): void => {
  const { source, storedKey: key } = delivery;
  const kind = error instanceof Error ? error.name : typeof error;
  const reason = `the connector failed at the message (${kind}); see its log`;
  const known = taking.held.find(key);
  const unknown = { isJson: false, messageType: undefined, routeId: null };
  const clockAndToken = { nowMs: taking.clock.nowMs(), token: taking.token };
  const message = known?.message ?? receiveMessage(delivery, unknown, clockAndToken);
  const { reply, deliveryCount } = message;
  if (known === undefined) taking.held.add({ message, source, lane: undefined, reply, deliveryCount });
  taking.settler.reject(message, { code: 'internal_error', reason, attempts: 0 });
};
