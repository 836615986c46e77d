import { readForwardRoutes } from '../metadata/read-metadata.ts';
import { boundedIdentity } from '../message/delivery-identity.ts';
import { originsBelow, originsOf, type LedgerOrigin } from '../postgres/ledger-origin.ts';
import { routerSelector } from '../routing/routing.ts';
import { describeIdentity, type IdentityParts } from './describe-identity.ts';
import type { ManageContext } from './manage-context.ts';

/** What became of a delivery: its place, its rows, its forwards, and how it got here. */
export interface DeliveryWay extends IdentityParts {
  readonly identity: string;
  /** When it was stored. */
  readonly storedTime: string;
  /** Functions that may have handled it: those that its stream triggers. */
  readonly functions: readonly string[];
  readonly stateId: string | null;
  readonly stateName: string | null;
  /** Positions of its first and last row; null if it stored none. */
  readonly firstRow: number | null;
  readonly lastRow: number | null;
  readonly rows: number;
  /** Whether everything that it had to pass on was confirmed by the server. */
  readonly isForwarded: boolean;
  /** For each route behind the state, as the routes are now. */
  readonly forwards: readonly ForwardWay[];
}

interface ForwardWay {
  readonly routeId: string;
  /** Message ids of those that a function has handled since: they were passed on to the processor. */
  readonly handled: readonly string[];
}

/** The way of each delivery that the ledger knows, in the same order. */
export const deliveryWays = async (
  context: ManageContext,
  origins: readonly LedgerOrigin[],
): Promise<readonly DeliveryWay[]> => {
  const names = await stateNames(
    context,
    origins.map(({ stateId }) => stateId).filter((id) => id !== null),
  );
  const streams = streamNames(context);
  const ways: DeliveryWay[] = [];
  for (const origin of origins) {
    const { identity, time: storedTime, ...rest } = origin;
    const parts = describeIdentity(identity, streams);
    ways.push({
      identity,
      ...parts,
      storedTime,
      functions: functionsOf(context, parts.stream),
      stateId: rest.stateId,
      stateName: rest.stateId === null ? null : (names.get(rest.stateId) ?? null),
      firstRow: rest.firstRow,
      lastRow: rest.firstRow === null ? null : rest.firstRow + rest.rows - 1,
      rows: rest.rows,
      isForwarded: rest.isForwarded,
      forwards: await forwardsOf(context, origin),
    });
  }
  return ways;
};

/** Streams whose names may stand at the beginning of an identity. */
export const streamNames = ({ routing }: ManageContext): readonly string[] => [
  ...new Set([...routing.routes.values()].map(({ name }) => name)),
];

const functionsOf = ({ routing }: ManageContext, stream: string | null): readonly string[] => {
  const selectors = [...routing.routes.values()].filter(({ name }) => name === stream).map(({ selector }) => selector);
  const functions = routing.triggers.filter(({ selector }) => selectors.includes(selector));
  return [...new Set(functions.map((trigger) => trigger.function))];
};

const stateNames = async ({ pool }: ManageContext, ids: readonly string[]): Promise<ReadonlyMap<string, string>> => {
  const names = new Map<string, string>();
  for (const id of new Set(ids)) {
    const [row] = await pool.query<{ readonly data: string | null }>(
      `select data from ${pool.tables.stateConfig} where state_id = $1 and attribute = 'name'`,
      [id],
    );
    if (typeof row?.data === 'string') names.set(id, row.data);
  }
  return names;
};

/** Forwards of one route that are looked for. */
const maxHandled = 100;

const forwardsOf = async (context: ManageContext, origin: LedgerOrigin): Promise<readonly ForwardWay[]> => {
  const { stateId, identity, rows } = origin;
  const router = context.routing.routes.get(routerSelector)?.name;
  if (stateId === null || rows === 0 || router === undefined) return [];
  const ways: ForwardWay[] = [];
  for (const { id: routeId } of (await readForwardRoutes(context.pool, stateId)).slice(0, maxHandled)) {
    const prefix = `${router}/${identity}/${routeId}/`;
    // A long one is a hash, which says nothing of its beginning: only that of all rows together can be looked for.
    const whole = boundedIdentity(`${prefix}0-${rows - 1}`);
    const handled = whole.startsWith(prefix)
      ? await originsBelow(context.pool, [prefix], maxHandled)
      : await originsOf(context.pool, [whole]);
    ways.push({ routeId, handled: handled.map((forward) => forward.identity) });
  }
  return ways;
};
