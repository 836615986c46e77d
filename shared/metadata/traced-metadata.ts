import { memberOf } from '../json/json-value.ts';
import type { Delivery } from '../message/delivery.ts';
import type { RequestTrace } from '../telemetry/request-trace.ts';
import { SpanKind } from '../telemetry/trace.ts';
import type { Metadata, MetadataKind } from './cached-metadata.ts';

const tables = {
  state: 'state',
  route: 'processor_state',
  forwardRoutes: 'processor_state',
  processor: 'processor',
  provider: 'processor_provider',
} as const satisfies Record<MetadataKind, string>;

/** Ids that messages name: where a lookup of one of them ends up in the trace of those messages. */
const namedIds = ['state_id', 'route_id', 'processor_id'] as const;

const nothingKnown: Metadata['known'] = {
  state: () => undefined,
  route: () => undefined,
  forwardRoutes: () => undefined,
};

/**
 * The metadata of one request with a span per lookup, `metadata <kind>`, that says whether the cache had it. Deliveries
 * that ask for the same id at the same time share one. A request of which nothing is recorded gets the metadata as it is.
 */
export const traceMetadata = (metadata: Metadata, trace: RequestTrace, deliveries: readonly Delivery[]): Metadata => {
  if (!trace.isRecorded) return metadata;
  // By id of any kind, because an id of a route leads to those of its state and processor.
  const askers = new Map<string, Set<string>>();
  const note = (id: unknown, deliveryIds: Iterable<string>): void => {
    if (typeof id !== 'string') return;
    let known = askers.get(id);
    if (known === undefined) askers.set(id, (known = new Set()));
    for (const deliveryId of deliveryIds) known.add(deliveryId);
  };
  for (const { id, message } of deliveries) for (const name of namedIds) note(memberOf(message, name), [id]);

  const followed = new Set<string>();
  const running = new Map<string, Promise<unknown>>();
  const lookUp = <T>(kind: MetadataKind, id: string, load: () => Promise<T>): Promise<T> => {
    const key = `${kind}/${id}`;
    const known = running.get(key);
    if (known) return known as Promise<T>;
    const hit = metadata.isCached(kind, id);
    const attributes = {
      'ism.cache.hit': hit,
      [`ism.${kind === 'forwardRoutes' ? 'state' : kind}.id`]: id,
      ...(hit
        ? {}
        : {
            'db.system.name': 'postgresql',
            'db.operation.name': 'select',
            'db.collection.name': tables[kind],
          }),
    };
    const promise = trace
      .share({
        name: `metadata ${kind}`,
        kind: hit ? SpanKind.INTERNAL : SpanKind.CLIENT,
        attributes,
        deliveryIds: askers.get(id) ?? [],
        run: load,
        describeOwn: () => () => ({ 'ism.cache.hit': hit }),
      })
      .finally(() => running.delete(key));
    running.set(key, promise);
    return promise;
  };
  const lookUpRoute = async <R extends { readonly id: string; readonly stateId: string; readonly processorId: string }>(
    id: string,
    load: () => Promise<R | undefined>,
  ): Promise<R | undefined> => {
    const route = await lookUp('route', id, load);
    const own = askers.get(id);
    if (route === undefined || own === undefined || followed.has(id)) return route;
    // Once per route: every delivery of a batch asks, and each would name all of them again.
    followed.add(id);
    note(route.stateId, own);
    note(route.processorId, own);
    return route;
  };
  return {
    ...metadata,
    // Each lookup has its span.
    known: nothingKnown,
    state: (id) => lookUp('state', id, () => metadata.state(id)),
    findState: (id) => lookUp('state', id, () => metadata.findState(id)),
    route: async (id) => (await lookUpRoute(id, () => metadata.route(id)))!,
    findRoute: (id) => lookUpRoute(id, () => metadata.findRoute(id)),
    forwardRoutes: (id) => lookUp('forwardRoutes', id, () => metadata.forwardRoutes(id)),
    findProcessor: (id) => lookUp('processor', id, () => metadata.findProcessor(id)),
    findProvider: (id) => lookUp('provider', id, () => metadata.findProvider(id)),
  };
};
