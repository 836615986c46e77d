import { LineCounter, parseDocument, type Document } from 'yaml';
import { defaultDeadLetter, defaultLimits, defaultTriggers } from './default-triggers.ts';
import { fieldReader, isFields, type FieldReader, type Fields, type Remark } from './field-reader.ts';
import { parseRoutes, type Need } from './parse-routes.ts';
import { parseStreams } from './parse-streams.ts';
import { RoutingError } from './routing-error.ts';
import {
  monitorSelector,
  routerSelector,
  syncSelector,
  type DeadLetterConfig,
  type RouteConfig,
  type Routing,
  type TriggerConfig,
  type TriggerLimits,
} from './routing.ts';
import { isPublishSubject, isStreamName } from './subject-token.ts';

export interface RoutingOptions {
  /** A setting names the server, so that no route's own `url` is used. */
  readonly hasServer?: boolean;
}

/**
 * The text of a routing file -> routes, triggers, streams and the dead-letter stream, defaults filled in. What nobody here
 * uses is a warning; what is needed and cannot be used is a fault; both with place and line.
 * @throws RoutingError that lists every fault
 */
export const parseRouting = (text: string, options: RoutingOptions = {}): Routing => {
  const { root, lineOf } = parseYaml(text);
  if (!isFields(root)) throw new RoutingError(['must be a mapping with messageConfig.routes']);
  const told = ({ place, problem }: Remark): string => {
    const line = lineOf(place);
    return `${place} ${problem}${line === undefined ? '' : ` (line ${line})`}`;
  };
  const list = routeListOf(root, told);
  const { routes, faults, warnings } = parseRoutes(list, neededSelectors(root), options.hasServer === true);
  const reader = fieldReader();
  const triggers = readTriggers(reader, root['triggers'], routes);
  const deadLetter = readDeadLetter(reader, root['deadLetter']);
  const streams = parseStreams(reader, root['streams']);
  const all = [...faults, ...reader.faults];
  if (all.length > 0) throw new RoutingError(all.map(told));
  return { routes, triggers, deadLetter, streams, warnings: warnings.map(told) };
};

const lineOf = (document: Document, lines: LineCounter, place: string): number | undefined => {
  const path = [...place.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? key! : Number(index),
  );
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true) as { readonly range?: readonly number[] } | undefined;
    const start = node?.range?.[0];
    if (start !== undefined) return lines.linePos(start).line;
  }
  return undefined;
};

interface ParsedYaml {
  readonly root: unknown;
  /** The line of `a.b[0].c`, or of the innermost part of it that is there. */
  readonly lineOf: (place: string) => number | undefined;
}

const parseYaml = (text: string): ParsedYaml => {
  const lines = new LineCounter();
  try {
    // The ecosystem reads the file as YAML 1.1 (`yes` is true) and lets a repeated key win over the earlier one.
    const document = parseDocument(text.replace(/^\uFEFF/, ''), {
      version: '1.1',
      uniqueKeys: false,
      logLevel: 'error',
      lineCounter: lines,
    });
    const [error] = document.errors;
    if (error) throw error;
    return { root: document.toJS() as unknown, lineOf: (place) => lineOf(document, lines, place) };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new RoutingError([`is not YAML: ${reason}`], { cause: error });
  }
};

/** The members that the file had when the services talked through Pulsar. */
const oldMembers = ['topic_routes', 'root_route'] as const;

const routeListOf = (root: Fields, told: (remark: Remark) => string): readonly unknown[] => {
  const messageConfig = root['messageConfig'];
  const list = isFields(messageConfig) ? messageConfig['routes'] : undefined;
  if (Array.isArray(list)) return list;
  for (const [place, holder] of [
    ['messageConfig.', messageConfig],
    ['', root],
  ] as const) {
    const old = oldMembers.find((member) => isFields(holder) && holder[member] !== undefined);
    if (old === undefined) continue;
    const problem = `is the format for Pulsar, which the services for NATS do not read: write messageConfig.routes, a list of selector, name, url and subject`;
    throw new RoutingError([told({ place: `${place}${old}`, problem })]);
  }
  throw new RoutingError([told({ place: 'messageConfig.routes', problem: 'must be a list' })]);
};

/** What the store consumes, and where it publishes by itself. */
const neededSelectors = (root: Fields): ReadonlyMap<string, Need> => {
  const triggers: readonly unknown[] = Array.isArray(root['triggers']) ? root['triggers'] : defaultTriggers;
  const named = triggers.flatMap((trigger) => {
    const selector = isFields(trigger) ? trigger['selector'] : undefined;
    return typeof selector === 'string' ? [selector] : [];
  });
  const streams = [syncSelector, routerSelector, ...named];
  return new Map<string, Need>([[monitorSelector, 'subject'], ...streams.map((name) => [name, 'stream'] as const)]);
};

const readTriggers = (
  reader: FieldReader,
  value: unknown,
  routes: ReadonlyMap<string, RouteConfig>,
): readonly TriggerConfig[] => {
  if (value === undefined || value === null) return defaultTriggers;
  if (!Array.isArray(value)) {
    reader.fault('triggers', 'must be a list');
    return defaultTriggers;
  }
  const seen = new Set<string>();
  return (value as readonly unknown[]).flatMap((fields, index) => {
    const place = `triggers[${index}]`;
    if (!isFields(fields)) {
      reader.fault(place, 'must be a mapping');
      return [];
    }
    const trigger = readTrigger(reader, fields, place, routes);
    for (const type of trigger.types) {
      const identity = `${trigger.selector} ${type}`;
      if (seen.has(identity)) reader.fault(`${place}.types`, `has ${type} of this selector a second time`);
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
    reader.fault(`${place}.function`, 'must be lower-case letters, digits and dashes');
  }
  const route = routes.get(trigger.selector);
  if (trigger.selector !== '' && !route) reader.fault(`${place}.selector`, 'names no route');
  if (route && !route.jetstreamEnabled) reader.fault(`${place}.selector`, 'names a route without JetStream');
  return trigger;
};

const readTypes = (reader: FieldReader, value: unknown, place: string): string[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
  const types = list.filter((type): type is string => typeof type === 'string' && type !== '');
  if (types.length === 0 || types.length !== list.length) {
    reader.fault(`${place}.types`, 'must be a list of message types');
  }
  return types;
};

const readLimits = (reader: FieldReader, value: unknown, place: string): TriggerLimits => {
  if (value === undefined || value === null) return defaultLimits;
  if (!isFields(value)) {
    reader.fault(place, 'must be a mapping');
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
    reader.fault('deadLetter', 'must be a mapping');
    return defaultDeadLetter;
  }
  const stream = reader.optionalText(value, 'stream', 'deadLetter') ?? defaultDeadLetter.stream;
  const subject = reader.optionalText(value, 'subject', 'deadLetter') ?? defaultDeadLetter.subject;
  if (!isStreamName(stream)) reader.fault('deadLetter.stream', 'cannot name a stream');
  if (!isPublishSubject(subject)) reader.fault('deadLetter.subject', 'is not a subject that can be published to');
  return { stream, subject };
};
