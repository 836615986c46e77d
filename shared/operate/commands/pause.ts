import { withDatabaseErrors } from '../../postgres/database-error.ts';
import { isOver, pauseKinds, type Pause, type PauseKind } from '../../message/pause.ts';
import { openPauses, readPauses } from '../../nats/pause-bucket.ts';
import { consumptionsOf } from '../../routing/consumptions.ts';
import { CommandError } from '../command-error.ts';
import { findRouteId } from '../find-route.ts';
import { findStateId, maxStateNameCharacters } from '../find-state.ts';
import type { ManageCommand, ManageContext } from '../manage-context.ts';
import type { ArgumentReader } from '../read-arguments.ts';

/**
 * `pause` {kind, id, minutes?}: from now on a durable is not pulled, a function gets no request, what is for a state or a route
 * waits. It lasts until `resume`, or for so many minutes, over restarts of everything.
 */
export const pause: ManageCommand = async (args, context) => {
  const wanted = readWanted(args);
  const minutes = args.optionalInteger('minutes', { min: 1, max: 525_600 });
  args.check();
  const what = await resolve(context, wanted);
  const sinceMs = context.nowMs();
  const paused: Pause = {
    ...what,
    sinceMs,
    untilMs: minutes === undefined ? null : sinceMs + minutes * 60_000,
    by: context.actor,
  };
  await (await openPauses(await context.bus.connection())).put(paused);
  return { paused };
};

/** `resume` {kind, id}: it goes on where it was. */
export const resume: ManageCommand = async (args, context) => {
  const wanted = readWanted(args);
  args.check();
  const connection = await context.bus.connection();
  const known = await readPauses(connection);
  const isMeant = ({ kind, id, name }: Pause): boolean =>
    kind === wanted.kind && (id === wanted.id || name === wanted.id || id.startsWith(wanted.id));
  const meant = known.filter(isMeant);
  const exact = meant.filter(({ id, name }) => id === wanted.id || name === wanted.id);
  const [only, ...others] = exact.length > 0 ? exact : meant;
  if (only === undefined) {
    throw new CommandError(404, 'not_found', `${wanted.kind} ${wanted.id} is not paused`);
  }
  if (others.length > 0) {
    const ids = [only, ...others].map(({ id }) => id).join(', ');
    throw new CommandError(409, 'ambiguous_state', `${wanted.id} means several that are paused: ${ids}`);
  }
  await (await openPauses(connection)).remove(only);
  return { resumed: only };
};

/** `pauses`: what is paused now. */
export const pauses: ManageCommand = async (args, context) => {
  args.check();
  return { pauses: await readPauses(await context.bus.connection()) };
};

/**
 * `pauses.renew`: states that are paused hold the messages of their OUTPUT routes as these are now. The connectors ask for it while
 * a state is paused.
 */
export const pausesRenew: ManageCommand = async (args, context) => {
  args.check();
  const connection = await context.bus.connection();
  const held = (await readPauses(connection)).filter((each) => each.kind === 'state' && !isOver(each, context.nowMs()));
  let renewed = 0;
  for (const each of held) {
    const keys = await stateKeys(context, each.id);
    const isSame = keys.length === each.keys.length && keys.every((key) => each.keys.includes(key));
    if (!isSame && (await (await openPauses(connection)).renew(each, keys))) renewed += 1;
  }
  return { renewed };
};

interface Wanted {
  readonly kind: PauseKind;
  readonly id: string;
}

const readWanted = (args: ArgumentReader): Wanted => {
  const text = args.text('kind', 20);
  const id = args.text('id', maxStateNameCharacters);
  const kind = pauseKinds.find((one) => one === text);
  if (kind === undefined) args.fault(`kind must be one of ${pauseKinds.join(', ')}`);
  return { kind: kind ?? 'durable', id };
};

/** What is there under that name, with the lanes that it means. @throws CommandError `not_found` */
const resolve = async (
  context: ManageContext,
  { kind, id }: Wanted,
): Promise<Pick<Pause, 'kind' | 'id' | 'name' | 'keys'>> => {
  if (kind === 'state') return await resolveState(context, id);
  if (kind === 'route') {
    const routeId = await findRouteId(context.pool, id);
    return { kind, id: routeId, name: null, keys: [`route_id=${routeId}`] };
  }
  const names = kind === 'function' ? functionNames(context) : durableNames(context);
  const found = names.includes(id) ? [id] : names.filter((name) => name.startsWith(id));
  const [only] = found;
  if (only === undefined || found.length > 1) {
    throw new CommandError(404, 'not_found', `${id} is no ${kind}: there is ${names.join(', ')}`);
  }
  return { kind, id: only, name: null, keys: [] };
};

/** Rows come to a state by its own id, or by the route of the processor that makes them. */
const resolveState = async (
  context: ManageContext,
  text: string,
): Promise<Pick<Pause, 'kind' | 'id' | 'name' | 'keys'>> => {
  const { pool } = context;
  const id = await findStateId(pool, text);
  const [keys, [named]] = await Promise.all([
    stateKeys(context, id),
    withDatabaseErrors('read the name of the state', () =>
      pool.query<{ readonly data: string | null }>(
        `select data from ${pool.tables.stateConfig} where state_id = $1 and attribute = 'name'`,
        [id],
      ),
    ),
  ]);
  return { kind: 'state', id, name: named?.data ?? null, keys };
};

/** The lanes of a state: its own, and those of the routes that lead to it now. */
const stateKeys = async ({ pool }: ManageContext, id: string): Promise<readonly string[]> => {
  const routes = await withDatabaseErrors('find what leads to the state', () =>
    pool.query<{ readonly id: string }>(
      `select id from ${pool.tables.route} where state_id = $1 and direction = 'OUTPUT' order by internal_id limit ${maxRoutes}`,
      [id],
    ),
  );
  return [`state_id=${id}`, ...routes.map((one) => `route_id=${one.id}`)];
};

const maxRoutes = 1_000;

const functionNames = ({ routing }: ManageContext): readonly string[] => [
  ...new Set(routing.triggers.map((trigger) => trigger.function)),
];

const durableNames = ({ routing }: ManageContext): readonly string[] => [
  ...new Set(
    routing.triggers.flatMap(({ selector }) => {
      const route = routing.routes.get(selector);
      return route === undefined ? [] : consumptionsOf(route).map(({ durable }) => durable);
    }),
  ),
];
