import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endsOf, layoutGraph, nodeHeight, nodeWidth } from '../../../functions/manage/page/graph-layout.ts';
import { storeGraph, type RouteFact } from '../../../shared/operate/graph/store-graph.ts';

const routeOf = (n: number, direction: 'INPUT' | 'OUTPUT', state: number, processor: number): RouteFact => ({
  routeId: `r${n}`,
  direction,
  stateId: `n${state}`,
  stateName: null,
  rows: 1,
  processorId: `n${processor}`,
  processorName: null,
  providerId: 'p',
});

const facts = (routes: readonly RouteFact[]) => ({
  nowMs: 120_000,
  routes,
  isComplete: true,
  rowsPerSecond: new Map<string, number>(),
  flows: [],
  deadLetters: [],
  places: new Map(),
});

describe('the graph of the store', () => {
  it('has each node once, and what flows, fails and was given up on its edges', () => {
    const graph = storeGraph({
      ...facts([routeOf(1, 'OUTPUT', 1, 1), routeOf(2, 'INPUT', 1, 2), routeOf(3, 'INPUT', 1, 3)]),
      rowsPerSecond: new Map([['n1', 7]]),
      flows: [
        { routeId: 'r1', sinceMs: 60_000, acked: 120, retried: 0, deadLettered: 0 },
        { routeId: 'r1', sinceMs: 60_000, acked: 60, retried: 0, deadLettered: 0 },
        { routeId: 'r2', sinceMs: 60_000, acked: 0, retried: 30, deadLettered: 0 },
      ],
      deadLetters: [
        { stateId: null, routeId: 'r3' },
        { stateId: 'n1', routeId: null },
      ],
      places: new Map([['p', { stream: 's', subject: 'x', waiting: 4 }]]),
    });
    expect(graph.states).toEqual([{ id: 'n1', name: null, rows: 1, rowsPerSecond: 7, deadLetters: 1 }]);
    expect(graph.processors.map(({ id, waiting }) => [id, waiting])).toEqual([
      ['n1', 4],
      ['n2', 4],
      ['n3', 4],
    ]);
    expect(graph.edges.map(({ routeId, messagesPerSecond, level }) => [routeId, messagesPerSecond, level])).toEqual([
      ['r1', 3, 'good'],
      ['r2', 0, 'warn'],
      ['r3', 0, 'bad'],
    ]);
  });
});

describe('the layout of the graph', () => {
  const node = fc.integer({ min: 0, max: 7 });
  const routes = fc
    .array(fc.tuple(fc.constantFrom('INPUT' as const, 'OUTPUT' as const), node, node), { minLength: 1, maxLength: 20 })
    .map((list) => list.map(([direction, state, processor], n) => routeOf(n, direction, state, processor)));

  it('places every node and every edge, none upon another, also with circles and equal ids', () => {
    fc.assert(
      fc.property(routes, (list) => {
        const graph = storeGraph(facts(list));
        const { nodes, paths, width, height } = layoutGraph(graph);
        expect(nodes.size).toBe(graph.states.length + graph.processors.length);
        expect([...paths.keys()].toSorted()).toEqual(graph.edges.map(({ routeId }) => routeId).toSorted());
        for (const path of paths.values()) expect(path).toMatch(/^M-?\d+ -?\d+[LQ]/);
        const placed = [...nodes.values()];
        for (const [index, one] of placed.entries()) {
          expect(one.x > 0 && one.x < width && one.y > 0 && one.y < height).toBe(true);
          for (const other of placed.slice(index + 1)) {
            const isApart = Math.abs(one.x - other.x) >= nodeWidth || Math.abs(one.y - other.y) >= nodeHeight;
            expect(isApart).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('has messages flow from the left to the right where there is no circle', () => {
    const chain = storeGraph(
      facts([routeOf(1, 'OUTPUT', 1, 1), routeOf(2, 'INPUT', 1, 2), routeOf(3, 'OUTPUT', 2, 2)]),
    );
    const { nodes } = layoutGraph(chain);
    for (const edge of chain.edges) {
      const [from, to] = endsOf(edge);
      expect(nodes.get(from)!.x).toBeLessThan(nodes.get(to)!.x);
    }
  });
});
