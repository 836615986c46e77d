import { parse } from 'yaml';
import { defaultDeadLetter, defaultLimits, defaultTriggers } from './default-triggers.ts';
import { fieldReader, isFields, type FieldReader, type Fields } from './field-reader.ts';
import { RoutingError } from './routing-error.ts';
import type { DeadLetterConfig, RouteConfig, Routing, TriggerConfig, TriggerLimits } from './routing.ts';
import { isPublishSubject, isStreamName } from './subject-token.ts';

/**
 * The text of a routing file -> routes, triggers and the dead-letter stream, defaults filled in. Unknown keys are
 * ignored, a later route with the same selector replaces the earlier one (reference.md A.2). Throws one {@link
 * RoutingError} that lists every fault.
 */
export const parseRouting = (text: string): Routing => {
  const root = parseYaml(text);
  if (!isFields(root)) throw new RoutingError(['must be a mapping with messageConfig.routes']);
  const reader = fieldReader();
  const routes = readRoutes(reader, root);
  const triggers = readTriggers(reader, root['triggers'], routes);
  const deadLetter = readDeadLetter(reader, root['deadLetter']);
  if (reader.faults.length > 0) throw new RoutingError(reader.faults);
  return { routes, triggers, deadLetter };
};

const parseYaml = (text: string): unknown => {
  try {
    // The ecosystem reads the file as YAML 1.1 (`yes` is true) and lets a repeated key win over the earlier one.
    return parse(text, { version: '1.1', uniqueKeys: false, logLevel: 'error' });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new RoutingError([`is not YAML: ${reason}`], { cause: error });
  }
};

const readRoutes = (reader: FieldReader, root: Fields): Map<string, RouteConfig> => {
  const routes = new Map<string, RouteConfig>();
  const messageConfig = root['messageConfig'];
  const list = isFields(messageConfig) ? messageConfig['routes'] : undefined;
  if (!Array.isArray(list)) {
    reader.faults.push('messageConfig.routes must be a list');
    return routes;
  }
  for (const [index, fields] of (list as readonly unknown[]).entries()) {
    const place = `messageConfig.routes[${index}]`;
    if (!isFields(fields)) {
      reader.faults.push(`${place} must be a mapping`);
      continue;
    }
    const route = readRoute(reader, fields, place);
    routes.set(route.selector, route);
  }
  return routes;
};

const readRoute = (reader: FieldReader, fields: Fields, place: string): RouteConfig => {
  const route: RouteConfig = {
    selector: reader.text(fields, 'selector', place),
    name: reader.text(fields, 'name', place),
    url: reader.text(fields, 'url', place),
    subject: reader.text(fields, 'subject', place),
    queue: reader.optionalText(fields, 'queue', place),
    jetstreamEnabled: reader.flag(fields, 'jetstream_enabled', place, true),
    ackWaitSeconds: reader.count(fields, 'ack_wait', place, 90),
    batchSize: reader.count(fields, 'batch_size', place, 1),
    concurrentEnabled: reader.flag(fields, 'concurrent_enabled', place, false),
    concurrentMaxWorkers: reader.count(fields, 'concurrent_max_workers', place, 10),
    concurrentPriorityEnabled: reader.flag(fields, 'concurrent_priority_enabled', place, false),
    concurrentMaxWorkersHigh: reader.count(fields, 'concurrent_max_workers_high', place, 5),
  };
  if (!route.jetstreamEnabled) return route;
  if (route.name !== '' && !isStreamName(route.name)) reader.faults.push(`${place}.name cannot name a stream`);
  if (route.subject !== '' && !isPublishSubject(route.subject)) {
    reader.faults.push(`${place}.subject is not a subject that can be published to`);
  }
  return route;
};

const readTriggers = (
  reader: FieldReader,
  value: unknown,
  routes: ReadonlyMap<string, RouteConfig>,
): readonly TriggerConfig[] => {
  if (value === undefined || value === null) return defaultTriggers;
  if (!Array.isArray(value)) {
    reader.faults.push('triggers must be a list');
    return defaultTriggers;
  }
  const seen = new Set<string>();
  return (value as readonly unknown[]).flatMap((fields, index) => {
    const place = `triggers[${index}]`;
    if (!isFields(fields)) {
      reader.faults.push(`${place} must be a mapping`);
      return [];
    }
    const trigger = readTrigger(reader, fields, place, routes);
    for (const type of trigger.types) {
      const identity = `${trigger.selector} ${type}`;
      if (seen.has(identity)) reader.faults.push(`${place}.types has ${type} of this selector a second time`);
      seen.add(identity);
    }
    return [trigger];
  });
};

const readTrigger = (
  reader: FieldReader,
  fields: Fields,
  place: string,
  routes: ReadonlyMap<string, RouteConfig>,
): TriggerConfig => {
  const trigger: TriggerConfig = {
    selector: reader.text(fields, 'selector', place),
    function: reader.text(fields, 'function', place),
    types: readTypes(reader, fields['types'], place),
    key: reader.text(fields, 'key', place),
    limits: readLimits(reader, fields['limits'], `${place}.limits`),
  };
  if (trigger.function !== '' && !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(trigger.function)) {
    reader.faults.push(`${place}.function must be lower-case letters, digits and dashes`);
  }
  const route = routes.get(trigger.selector);
  if (trigger.selector !== '' && !route) reader.faults.push(`${place}.selector names no route`);
  if (route && !route.jetstreamEnabled) reader.faults.push(`${place}.selector names a route without JetStream`);
  return trigger;
};

const readTypes = (reader: FieldReader, value: unknown, place: string): string[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
  const types = list.filter((type): type is string => typeof type === 'string' && type !== '');
  if (types.length === 0 || types.length !== list.length) {
    reader.faults.push(`${place}.types must be a list of message types`);
  }
  return types;
};

const readLimits = (reader: FieldReader, value: unknown, place: string): TriggerLimits => {
  if (value === undefined || value === null) return defaultLimits;
  if (!isFields(value)) {
    reader.faults.push(`${place} must be a mapping`);
    return defaultLimits;
  }
  const count = (key: keyof TriggerLimits, least = 1) => reader.count(value, key, place, defaultLimits[key], least);
  return {
    maxBatchMessages: count('maxBatchMessages'),
    maxBatchBytes: count('maxBatchBytes'),
    lingerMs: count('lingerMs', 0),
    maxInFlightMessages: count('maxInFlightMessages'),
    maxInFlightBytes: count('maxInFlightBytes'),
    maxConcurrentRequests: count('maxConcurrentRequests'),
    requestTimeoutMs: count('requestTimeoutMs'),
    maxAttempts: count('maxAttempts'),
    backoffInitialMs: count('backoffInitialMs'),
    backoffMaxMs: count('backoffMaxMs'),
    killsBeforeDeadLetter: count('killsBeforeDeadLetter'),
  };
};

const readDeadLetter = (reader: FieldReader, value: unknown): DeadLetterConfig => {
  if (value === undefined || value === null) return defaultDeadLetter;
  if (!isFields(value)) {
    reader.faults.push('deadLetter must be a mapping');
    return defaultDeadLetter;
  }
  const stream = reader.optionalText(value, 'stream', 'deadLetter') ?? defaultDeadLetter.stream;
  const subject = reader.optionalText(value, 'subject', 'deadLetter') ?? defaultDeadLetter.subject;
  if (!isStreamName(stream)) reader.faults.push('deadLetter.stream cannot name a stream');
  if (!isPublishSubject(subject)) reader.faults.push('deadLetter.subject is not a subject that can be published to');
  return { stream, subject };
};
