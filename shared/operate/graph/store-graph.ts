import type { RouteFlow } from '../../message/delivery-minute.ts';

/** States and processors with what flows between them now. */
export interface StoreGraph {
  readonly states: readonly GraphState[];
  readonly processors: readonly GraphProcessor[];
  readonly edges: readonly GraphEdge[];
  /** False if the database has more routes than are shown. */
  readonly isComplete: boolean;
}

export interface GraphState {
  readonly id: string;
  readonly name: string | null;
  readonly rows: number;
  readonly rowsPerSecond: number;
  /** Of the newest dead letters, those that name it. */
  readonly deadLetters: number;
}

export interface GraphProcessor {
  readonly id: string;
  readonly name: string | null;
  readonly providerId: string | null;
  /** Where it listens; null if the routing file has no route for it. */
  readonly stream: string | null;
  readonly subject: string | null;
  /** Messages that its stream's consumers have not been given, those of other processors there among them; null if not known. */
  readonly waiting: number | null;
}

/** A route: `OUTPUT` from a processor into a state, `INPUT` from a state into a processor. */
export interface GraphEdge {
  readonly routeId: string;
  readonly stateId: string;
  readonly processorId: string;
  readonly direction: 'INPUT' | 'OUTPUT';
  readonly messagesPerSecond: number;
  readonly retriedPerSecond: number;
  /** Of the newest dead letters, those that name it. */
  readonly deadLetters: number;
  /** `bad`: messages of it were given up; `warn`: they are tried again. */
  readonly level: 'good' | 'warn' | 'bad';
}

/** What is read to make it. */
export interface GraphFacts {
  readonly nowMs: number;
  readonly routes: readonly RouteFact[];
  readonly isComplete: boolean;
  /** Rows per second of states that stored some lately. */
  readonly rowsPerSecond: ReadonlyMap<string, number>;
  /** What each connector says. */
  readonly flows: readonly RouteFlow[];
  readonly deadLetters: readonly { readonly stateId: string | null; readonly routeId: string | null }[];
  /** Where a provider listens, and what waits there. */
  readonly places: ReadonlyMap<string, Pick<GraphProcessor, 'stream' | 'subject' | 'waiting'>>;
}

export interface RouteFact {
  readonly routeId: string;
  readonly direction: 'INPUT' | 'OUTPUT';
  readonly stateId: string;
  readonly stateName: string | null;
  readonly rows: number;
  readonly processorId: string;
  readonly processorName: string | null;
  readonly providerId: string | null;
}

/** The graph of the routes, each node once, in the order of the routes. */
export const storeGraph = (facts: GraphFacts): StoreGraph => {
  const states = new Map<string, GraphState>();
  const processors = new Map<string, GraphProcessor>();
  const lettersOf = (name: 'stateId' | 'routeId'): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>();
    for (const { [name]: id } of facts.deadLetters) if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
    return counts;
  };
  const stateLetters = lettersOf('stateId');
  const routeLetters = lettersOf('routeId');
  for (const { stateId, stateName, rows, processorId, processorName, providerId } of facts.routes) {
    states.set(stateId, {
      id: stateId,
      name: stateName,
      rows,
      rowsPerSecond: facts.rowsPerSecond.get(stateId) ?? 0,
      deadLetters: stateLetters.get(stateId) ?? 0,
    });
    processors.set(processorId, {
      id: processorId,
      name: processorName,
      providerId,
      ...(facts.places.get(providerId ?? '') ?? nowhere),
    });
  }
  const flows = flowsByRoute(facts);
  const edges = facts.routes.map(({ routeId, stateId, processorId, direction }): GraphEdge => {
    const flow = flows.get(routeId) ?? still;
    const deadLetters = routeLetters.get(routeId) ?? 0;
    return { routeId, stateId, processorId, direction, ...flow, deadLetters, level: levelOf(flow, deadLetters) };
  });
  return { states: [...states.values()], processors: [...processors.values()], edges, isComplete: facts.isComplete };
};

type Flow = Pick<GraphEdge, 'messagesPerSecond' | 'retriedPerSecond'>;

const nowhere = { stream: null, subject: null, waiting: null };
const still: Flow = { messagesPerSecond: 0, retriedPerSecond: 0 };

/** Several connectors may work on one route. */
const flowsByRoute = ({ flows, nowMs }: GraphFacts): ReadonlyMap<string, Flow> => {
  const sums = new Map<string, Flow>();
  for (const { routeId, sinceMs, acked, retried } of flows) {
    const seconds = Math.max(1, (nowMs - sinceMs) / 1_000);
    const sum = sums.get(routeId) ?? still;
    sums.set(routeId, {
      messagesPerSecond: sum.messagesPerSecond + acked / seconds,
      retriedPerSecond: sum.retriedPerSecond + retried / seconds,
    });
  }
  return sums;
};

const levelOf = ({ retriedPerSecond }: Flow, deadLetters: number): GraphEdge['level'] => {
  if (deadLetters > 0) return 'bad';
  return retriedPerSecond > 0 ? 'warn' : 'good';
};
