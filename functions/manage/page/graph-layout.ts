import { Graph, layout } from '@dagrejs/dagre';
import type { StoreGraph } from '../../../shared/operate/graph/store-graph.ts';

export interface PlacedNode {
  /** `state` or `processor` and its id: the two may have the same. */
  readonly key: string;
  /** Of its centre. */
  readonly x: number;
  readonly y: number;
}

/** Where nodes and edges are drawn; it depends on which there are, not on what flows. */
export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: ReadonlyMap<string, PlacedNode>;
  /** The path of each edge by its route, as SVG writes it. */
  readonly paths: ReadonlyMap<string, string>;
}

export const nodeWidth = 190;
export const nodeHeight = 46;

export const stateKey = (id: string): string => `state ${id}`;
export const processorKey = (id: string): string => `processor ${id}`;

/** Both ends of an edge, in the direction in which messages flow. */
export const endsOf = ({
  direction,
  stateId,
  processorId,
}: StoreGraph['edges'][number]): readonly [from: string, to: string] =>
  direction === 'OUTPUT'
    ? [processorKey(processorId), stateKey(stateId)]
    : [stateKey(stateId), processorKey(processorId)];

/** Places everything in layers, from left to right as messages flow. */
export const layoutGraph = ({ states, processors, edges }: StoreGraph): GraphLayout => {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', ranksep: 60, nodesep: 14, marginx: 20, marginy: 20, ranker: 'longest-path' });
  for (const { id } of states) graph.setNode(stateKey(id), { width: nodeWidth, height: nodeHeight });
  for (const { id } of processors) graph.setNode(processorKey(id), { width: nodeWidth, height: nodeHeight });
  for (const edge of edges) {
    const [from, to] = endsOf(edge);
    graph.setEdge(from, to, {}, edge.routeId);
  }
  layout(graph);
  const nodes = new Map(
    (graph.nodes() as readonly string[]).map((key) => {
      const { x, y } = graph.node(key) as { readonly x: number; readonly y: number };
      return [key, { key, x, y }];
    }),
  );
  const paths = new Map(
    (graph.edges() as readonly { readonly name?: string }[]).map((edge) => {
      const { points } = graph.edge(edge) as { readonly points: readonly Point[] };
      return [edge.name ?? '', pathOf(points)];
    }),
  );
  const { width = 0, height = 0 } = graph.graph() as { readonly width?: number; readonly height?: number };
  return { width, height, nodes, paths };
};

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A smooth line: it bends at the points and passes through the middle between each two of them. */
const pathOf = (points: readonly Point[]): string => {
  const [first, ...others] = points;
  if (first === undefined) return '';
  let path = `M${at(first)}`;
  for (const [index, point] of others.entries()) {
    const next = others[index + 1];
    path += next === undefined ? `L${at(point)}` : `Q${at(point)} ${at(middle(point, next))}`;
  }
  return path;
};

const at = ({ x, y }: Point): string => `${Math.round(x)} ${Math.round(y)}`;

const middle = (one: Point, other: Point): Point => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
