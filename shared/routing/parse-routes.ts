import { fieldReader, isFields, type FieldReader, type Fields, type Remark } from './field-reader.ts';
import type { RouteConfig } from './routing.ts';
import { parseServerList } from './server-url.ts';
import { isPublishSubject, isStreamName } from './subject-token.ts';

/** What the store needs of a route: its stream, or only a subject to publish to. */
export type Need = 'stream' | 'subject';

export interface ParsedRoutes {
  /** By selector; a later route with the same selector replaces the earlier one. */
  readonly routes: ReadonlyMap<string, RouteConfig>;
  /** What stands in the way of a route that the store needs. */
  readonly faults: readonly Remark[];
  /** What nobody here uses. */
  readonly warnings: readonly Remark[];
}

/**
 * Reads the list of routes. Other services share the file and know more fields, modes and kinds of route. What the
 * store does not need never stops it.
 * @param needed selectors that the store consumes or publishes to itself, and what it needs of their routes
 * @param hasServer whether a setting names the server, so that no route's own `url` is used
 */
export const parseRoutes = (
  list: readonly unknown[],
  needed: ReadonlyMap<string, Need>,
  hasServer: boolean,
): ParsedRoutes => {
  const routes = new Map<string, RouteConfig>();
  const faults: Remark[] = [];
  const warnings: Remark[] = [];
  const places = new Map<string, string>();
  const unused = new Map<string, string[]>();
  for (const [index, fields] of list.entries()) {
    const place = `messageConfig.routes[${index}]`;
    if (!isFields(fields)) {
      warnings.push({ place, problem: 'is not a mapping: it is not used' });
      continue;
    }
    for (const key of Object.keys(fields)) {
      if (!knownKeys.has(key)) unused.set(key, [...(unused.get(key) ?? []), place]);
    }
    const read = readRoute(fields, place, hasServer);
    const selector = read.route.selector;
    warnings.push(...read.warnings);
    if (selector === '') {
      warnings.push({ place: `${place}.selector`, problem: 'is missing: the route is not used' });
      continue;
    }
    const need = needed.get(selector);
    for (const { place: where, problem, key } of read.faults) {
      const isOurs = need === 'stream' || (need === 'subject' && key !== 'name');
      if (isOurs) faults.push({ place: where, problem });
      else warnings.push({ place: where, problem: `${problem}: ${insteadOf(key)}` });
    }
    const earlier = places.get(selector);
    if (earlier !== undefined) {
      warnings.push({ place: `${place}.selector`, problem: `replaces ${earlier}, which has the same selector` });
    }
    places.set(selector, place);
    routes.set(selector, need === 'stream' ? read.route : withoutFaults(read));
  }
  for (const [key, found] of unused) {
    const more = found.length > 1 ? `, as in ${found.length - 1} more` : '';
    warnings.push({ place: `${found[0]!}.${key}`, problem: `is not used here${more}` });
  }
  return { routes, faults, warnings };
};

const knownKeys: ReadonlySet<string> = new Set([
  'selector',
  'name',
  'url',
  'subject',
  'queue',
  'jetstream_enabled',
  'ack_wait',
  'batch_size',
  'concurrent_enabled',
  'concurrent_max_workers',
  'concurrent_priority_enabled',
  'concurrent_max_workers_high',
]);

/** A fault that matters only to who needs the route. */
interface RouteFault extends Remark {
  readonly key: string;
}

interface ReadRoute {
  readonly route: RouteConfig;
  readonly faults: readonly RouteFault[];
  readonly warnings: readonly Remark[];
}

const readRoute = (fields: Fields, place: string, hasServer: boolean): ReadRoute => {
  const essential = fieldReader();
  // Their values steer the other services only.
  const unimportant = fieldReader();
  const route: RouteConfig = {
    selector: fields['selector'] === undefined ? '' : essential.text(fields, 'selector', place),
    name: essential.text(fields, 'name', place),
    url: hasServer ? (unimportant.optionalText(fields, 'url', place) ?? '') : essential.text(fields, 'url', place),
    subject: essential.text(fields, 'subject', place),
    queue: unimportant.optionalText(fields, 'queue', place),
    jetstreamEnabled: essential.flag(fields, 'jetstream_enabled', place, true),
    ackWaitSeconds: readAckWait(essential, fields, place),
    batchSize: unimportant.count(fields, 'batch_size', place, 1),
    concurrentEnabled: essential.flag(fields, 'concurrent_enabled', place, false),
    concurrentMaxWorkers: unimportant.count(fields, 'concurrent_max_workers', place, 10),
    concurrentPriorityEnabled: essential.flag(fields, 'concurrent_priority_enabled', place, false),
    concurrentMaxWorkersHigh: unimportant.count(fields, 'concurrent_max_workers_high', place, 5),
  };
  const url = route.url === '' || hasServer ? undefined : parseServerList(route.url);
  if (url !== undefined && 'fault' in url) essential.fault(`${place}.url`, url.fault);
  if (route.jetstreamEnabled) {
    if (route.name !== '' && !isStreamName(route.name)) essential.fault(`${place}.name`, 'cannot name a stream');
    if (route.subject !== '' && !isPublishSubject(route.subject)) {
      essential.fault(`${place}.subject`, 'is not a subject that can be published to');
    }
  }
  return {
    route,
    faults: essential.faults.map((fault) => ({ ...fault, key: fault.place.slice(place.length + 1) })),
    warnings: unimportant.faults.map(({ place: where, problem }) => ({
      place: where,
      problem: `${problem}: it is not used here`,
    })),
  };
};

const defaultAckWaitSeconds = 90;

const readAckWait = (reader: FieldReader, fields: Fields, place: string): number => {
  const value = fields['ack_wait'];
  const seconds = typeof value === 'string' ? Number(value) : value;
  // The other services take a fraction of a second too.
  if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0) return Math.ceil(seconds);
  return reader.count(fields, 'ack_wait', place, defaultAckWaitSeconds);
};

const insteadOf = (key: string): string =>
  key === 'name'
    ? 'published to without JetStream'
    : key === 'subject' || key === 'url'
      ? 'nothing is published there'
      : 'its default is used';

/** Another service's route as far as it can be followed: without a stream's name it is a plain subject, as in Go. */
const withoutFaults = ({ route, faults }: ReadRoute): RouteConfig => {
  const isFaulty = (name: string): boolean => faults.some(({ key }) => key === name);
  return {
    ...route,
    jetstreamEnabled: route.jetstreamEnabled && !isFaulty('name'),
    url: isFaulty('url') ? '' : route.url,
  };
};
