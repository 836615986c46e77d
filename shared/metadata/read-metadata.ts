import { TerminalError } from '../errors/sync-error.ts';
import { isJsonObject, type JsonObject } from '../json/json-value.ts';
import { parseJson } from '../json/parse-json.ts';
import type { KeyOrder } from '../state/key-order.ts';
import type { ColumnDefinition, KeyDefinition, Processor, Provider, Route, StateModel } from '../state/state-model.ts';
import { textArray } from '../postgres/array-literal.ts';
import { withDatabaseErrors } from '../postgres/database-error.ts';
import type { DatabasePool, ResultRow } from '../postgres/database.ts';
import type { TableNames } from '../postgres/table-names.ts';

interface StateRow {
  readonly id: string;
  readonly project_id: string | null;
  readonly state_type: string;
  readonly properties: string | null;
  readonly config: Readonly<Record<string, string | null>> | null;
  readonly columns: readonly ColumnDefinition[] | null;
  readonly keys: readonly (KeyDefinition & { readonly definitionType: string })[] | null;
}

/**
 * All that a plan needs of a state, in one round trip. Columns come in the order of their ids, key definitions in that of
 * their ids or of their names (reference.md G-9, I.2). The state's type
 * is not interpreted: any loads (G-31). Columns without a name are left out, as nothing can be stored in them.
 *
 * @returns undefined if there is no such state.
 * @throws TerminalError `missing_state_id`; RetryableError of the database.
 */
export const readState = async (
  pool: DatabasePool,
  stateId: string,
  keyOrder: KeyOrder = 'id',
): Promise<StateModel | undefined> => {
  return (await readStates(pool, [stateId], keyOrder)).get(stateId);
};

/** As `readState`, for several in one round trip; those that there are not are absent. */
export const readStates = async (
  pool: DatabasePool,
  ids: readonly string[],
  keyOrder: KeyOrder = 'id',
): Promise<ReadonlyMap<string, StateModel>> => {
  const required = ids.map((id) => requireId(id, 'missing_state_id'));
  const rows = await withDatabaseErrors('read a state', () =>
    pool.query<StateRow>(stateStatement(pool.tables, keyOrder), [textArray(required)]),
  );
  return new Map(rows.map((row) => [row.id, stateOf(row)]));
};

/** The route, or undefined. @throws TerminalError `missing_route_id`; RetryableError of the database. */
export const readRoute = async (pool: DatabasePool, routeId: string): Promise<Route | undefined> =>
  (await readRoutes(pool, [routeId])).get(routeId);

/** As `readRoute`, for several in one round trip; those that there are not are absent. */
export const readRoutes = async (pool: DatabasePool, ids: readonly string[]): Promise<ReadonlyMap<string, Route>> => {
  const required = ids.map((id) => requireId(id, 'missing_route_id'));
  const text = `${routeStatement(pool.tables)} where id = any($1::text[])`;
  const rows = await withDatabaseErrors('read a route', () => pool.query<Route>(text, [textArray(required)]));
  return new Map(rows.map((row) => [row.id, row]));
};

/** A route, and where it leads into a state also that state and what stands behind it. */
export interface RouteWithState {
  readonly route: Route;
  readonly state: StateModel | undefined;
  readonly forwardRoutes: readonly Route[];
}

/** As `readRoute`, `readState` and `readForwardRoutes` one after the other, in one round trip. */
export const readRouteWithState = async (
  pool: DatabasePool,
  routeId: string,
  keyOrder: KeyOrder = 'id',
): Promise<RouteWithState | undefined> => {
  const row = await readOne<RouteWithStateRow>(
    pool,
    'read a route with its state',
    routeWithStateStatement(pool.tables, keyOrder, '$1'),
    requireId(routeId, 'missing_route_id'),
  );
  if (row === undefined) return undefined;
  const { route, state, behind } = row;
  return { route, state: state === null ? undefined : stateOf(state), forwardRoutes: behind ?? [] };
};

/** The INPUT routes behind a state, oldest first: an order that does not change when a row is updated (reference.md F.1). */
export const readForwardRoutes = async (pool: DatabasePool, stateId: string): Promise<readonly Route[]> =>
  (await readForwardRoutesOf(pool, [stateId])).get(stateId) ?? [];

/** As `readForwardRoutes`, for several states in one round trip; those without any are absent. */
export const readForwardRoutesOf = async (
  pool: DatabasePool,
  stateIds: readonly string[],
): Promise<ReadonlyMap<string, readonly Route[]>> => {
  const required = stateIds.map((id) => requireId(id, 'missing_state_id'));
  const text = `${routeStatement(pool.tables)} where state_id = any($1::text[]) and direction = 'INPUT' order by internal_id`;
  const rows = await withDatabaseErrors('read the routes of a state', () =>
    pool.query<Route>(text, [textArray(required)]),
  );
  const byState = new Map<string, Route[]>();
  for (const route of rows) {
    const known = byState.get(route.stateId);
    if (known === undefined) byState.set(route.stateId, [route]);
    else known.push(route);
  }
  return byState;
};

/** The processor, or undefined. @throws TerminalError `missing_processor_id`; RetryableError of the database. */
export const readProcessor = async (pool: DatabasePool, processorId: string): Promise<Processor | undefined> => {
  const text = `select id, provider_id as "providerId", project_id as "projectId", name, status::text,
    properties::text from ${pool.tables.processor} where id = $1`;
  const id = requireId(processorId, 'missing_processor_id');
  const row = await readOne<Omit<Processor, 'properties'> & { readonly properties: string | null }>(
    pool,
    'read a processor',
    text,
    id,
  );
  return row === undefined ? undefined : { ...row, properties: propertiesOf(row.properties) };
};

/** The provider, or undefined; a processor without one is the caller's to refuse. */
export const readProvider = (pool: DatabasePool, providerId: string): Promise<Provider | undefined> =>
  readOne<Provider>(
    pool,
    'read a provider',
    `select id, name, version, class_name as "className", user_id as "userId", project_id as "projectId"
       from ${pool.tables.provider} where id = $1`,
    requireId(providerId, 'missing_processor_id'),
  );

/** The reads of a stored message, without any id: their answer is empty. */
export const emptyReads = (tables: TableNames, keyOrder: KeyOrder): readonly string[] => [
  routeWithStateStatement(tables, keyOrder, 'null'),
  stateStatement(tables, keyOrder).replace('$1', `'{}'`),
];

const stateOf = (row: StateRow): StateModel => {
  const keysOf = (type: string): readonly KeyDefinition[] =>
    (row.keys ?? [])
      .filter(({ definitionType }) => definitionType === type)
      .map(({ name, alias, required, callable }) => ({ name, alias, required, callable }));
  return {
    id: row.id,
    projectId: row.project_id,
    stateType: row.state_type,
    config: row.config ?? {},
    properties: propertiesOf(row.properties),
    columns: row.columns ?? [],
    primaryKey: keysOf('primary_key'),
    remap: keysOf('remap_query_state_columns'),
    templateColumns: keysOf('template_columns'),
  };
};

/** A null id would mean "any" to a careless query (reference.md G-25): it is refused before it gets there. */
const requireId = (id: unknown, code: 'missing_route_id' | 'missing_state_id' | 'missing_processor_id'): string => {
  if (typeof id === 'string' && id !== '') return id;
  throw new TerminalError(code, 'the id is null or empty');
};

const readOne = async <R extends ResultRow>(
  pool: DatabasePool,
  doing: string,
  text: string,
  id: string,
): Promise<R | undefined> => {
  const [row] = await withDatabaseErrors(doing, () => pool.query<R>(text, [id]));
  return row;
};

/** States with everything that belongs to them; names and types are those of `StateModel`. $1 states. */
const stateStatement = (tables: TableNames, keyOrder: KeyOrder): string => `
select s.id, s.project_id, s.state_type, s.properties::text as properties,
       (select json_object_agg(g.attribute, g.data order by g.attribute)
          from ${tables.stateConfig} g where g.state_id = s.id) as config,
       (select json_agg(json_build_object(
                 'id', c.id::text, 'name', c.name, 'dataType', coalesce(c.data_type, 'str'),
                 'displayOrder', c.display_order, 'value', c.value, 'callable', coalesce(c.callable, false)) order by c.id)
          from ${tables.column} c where c.state_id = s.id and c.name <> '') as columns,
       (select json_agg(json_build_object(
                 'name', k.name, 'alias', k.alias, 'required', coalesce(k.required, false),
                 'callable', coalesce(k.callable, false), 'definitionType', k.definition_type) order by ${keyOrder === 'name' ? 'k.name, k.id' : 'k.id'})
          from ${tables.keyDefinition} k
         where k.state_id = s.id
           and k.definition_type in ('primary_key', 'remap_query_state_columns', 'template_columns')) as keys
  from ${tables.state} s where s.id = any($1::text[])`;

interface RouteWithStateRow {
  readonly route: Route;
  readonly state: StateRow | null;
  readonly behind: readonly Route[] | null;
}

const routeWithStateStatement = (tables: TableNames, keyOrder: KeyOrder, id: string): string => `
select row_to_json(r) as route,
       case when r.direction = 'OUTPUT' then (
         select row_to_json(o) from (${stateStatement(tables, keyOrder).replace('$1::text[]', 'array[r."stateId"]')}) o
       ) end as state,
       case when r.direction = 'OUTPUT' then (
         select json_agg(i) from (
           ${routeStatement(tables)} where state_id = r."stateId" and direction = 'INPUT' order by internal_id) i
       ) end as behind
  from (${routeStatement(tables)} where id = ${id}) r`;

/** `properties` columns come as text, so that numbers stay as they were written. */
const propertiesOf = (text: string | null): JsonObject | null => {
  const value = text === null ? null : parseJson(text);
  return isJsonObject(value ?? undefined) ? (value as JsonObject) : null;
};

/** Routes, as `Route` names them; the condition follows. */
const routeStatement = (tables: TableNames): string => `
select id, processor_id as "processorId", state_id as "stateId", direction::text, status::text, count,
       current_index as "currentIndex", maximum_index as "maximumIndex"
  from ${tables.route}`;
