import type { Delivery } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { toOutcome } from '../message/to-outcome.ts';
import type { FindTarget, Target, TargetPorts } from './find-target.ts';
import type { StoreTarget } from './store-ports.ts';

/** Where the deliveries of a batch go, in their order, and the outcomes of those that go nowhere. */
export interface FoundTargets {
  readonly targets: readonly StoreTarget[];
  readonly failed: readonly Outcome[];
}

/** Finds the targets of a batch: each id is looked up once, however many deliveries name it. */
export const findTargets = async (
  { idOf, find }: FindTarget,
  deliveries: readonly Delivery[],
  metadata: TargetPorts,
): Promise<FoundTargets> => {
  const failed: Outcome[] = [];
  const named: Delivery[] = [];
  const found: Lookup[] = [];
  const lookups = new Map<string, Lookup>();
  for (const delivery of deliveries) {
    try {
      const id = idOf(delivery);
      let lookup = lookups.get(id);
      if (lookup === undefined) lookups.set(id, (lookup = begin(() => find(id, metadata))));
      named.push(delivery);
      found.push(lookup);
    } catch (error) {
      failed.push(toOutcome(delivery.id, error));
    }
  }
  await Promise.all([...lookups.values()].flatMap(({ loading }) => loading ?? []));
  const targets: StoreTarget[] = [];
  for (let index = 0; index < named.length; index += 1) {
    const delivery = named[index]!;
    const { target, error } = found[index]!;
    if (target === undefined) failed.push(toOutcome(delivery.id, error));
    else targets.push({ delivery, stateId: target.stateId, scope: target.scope });
  }
  return { targets, failed };
};

/** One id: its target, or why there is none, once what is loading has come. */
interface Lookup {
  target: Target | undefined;
  error: unknown;
  loading: Promise<void> | undefined;
}

const begin = (find: () => Target | Promise<Target>): Lookup => {
  const lookup: Lookup = { target: undefined, error: undefined, loading: undefined };
  try {
    const found = find();
    if (found instanceof Promise) lookup.loading = load(lookup, found);
    else lookup.target = found;
  } catch (error) {
    lookup.error = error;
  }
  return lookup;
};

const load = async (lookup: Lookup, found: Promise<Target>): Promise<void> => {
  try {
    lookup.target = await found;
  } catch (error) {
    lookup.error = error;
  }
};
