import type { JSX, RefObject } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import type { StoreGraph } from '../../../../shared/operate/graph/store-graph.ts';
import { formatAddress } from '../address.ts';
import { shortText } from '../chart-words.ts';
import { findPause } from '../find-pause.ts';
import { findRoutePause } from '../find-route-pause.ts';
import { layoutGraph, nodeHeight, nodeWidth, processorKey, stateKey, type GraphLayout } from '../graph-layout.ts';
import { countText } from '../words.ts';

/** States and processors in layers, with edges as thick as what flows, broken where it is paused. Drag to move, pinch or Ctrl and the wheel to zoom. */
export const GraphMap = ({
  graph,
  selected,
  pauses,
}: {
  readonly graph: StoreGraph;
  readonly selected: string | undefined;
  readonly pauses: StoreStatus['pauses'];
}): JSX.Element => {
  const structure = useMemo(() => structureOf(graph), [graph]);
  const layout = useMemo(() => layoutGraph(graph), [structure]);
  const svg = useRef<SVGSVGElement>(null);
  const pane = useRef<SVGGElement>(null);
  const camera = useCamera(svg, pane, layout);
  return (
    <div class="map">
      <div class="buttons">
        <button type="button" onClick={() => camera.zoom(1.3)}>
          Zoom in
        </button>
        <button type="button" onClick={() => camera.zoom(1 / 1.3)}>
          Zoom out
        </button>
        <button type="button" onClick={camera.fit}>
          Fit
        </button>
      </div>
      <svg
        ref={svg}
        role="group"
        aria-label="Map of states and processors"
        style={{ height: `min(70vh, ${Math.max(260, layout.height + 60)}px)` }}
      >
        <g ref={pane}>
          <Edges graph={graph} layout={layout} pauses={pauses} />
          <Nodes graph={graph} layout={layout} selected={selected} pauses={pauses} />
        </g>
      </svg>
    </div>
  );
};

/** The same text as long as there are the same nodes and edges: figures that change move nothing. */
const structureOf = ({ states, processors, edges }: StoreGraph): string =>
  [...states, ...processors].map(({ id }) => id).join() + edges.map(({ routeId }) => routeId).join();

const Edges = (props: {
  readonly graph: StoreGraph;
  readonly layout: GraphLayout;
  readonly pauses: StoreStatus['pauses'];
}): JSX.Element => (
  <g class="edges">
    {props.graph.edges.map(({ routeId, level, messagesPerSecond, retriedPerSecond, deadLetters }) => (
      <path
        key={routeId}
        class={level === 'good' ? (messagesPerSecond > 0 ? 'accent' : undefined) : level}
        data-level={level}
        data-paused={findRoutePause(props.pauses, routeId) === undefined ? undefined : ''}
        d={props.layout.paths.get(routeId) ?? ''}
        stroke-width={widthOf(messagesPerSecond)}
      >
        <title>
          {`${findRoutePause(props.pauses, routeId) === undefined ? '' : 'paused, '}${edgeText({ messagesPerSecond, retriedPerSecond, deadLetters })}`}
        </title>
      </path>
    ))}
  </g>
);

/** Ten times the flow is twice as thick, roughly. */
const widthOf = (perSecond: number): string => (1.2 + 1.6 * Math.log10(1 + 10 * perSecond)).toFixed(1);

const edgeText = (
  edge: Pick<StoreGraph['edges'][number], 'messagesPerSecond' | 'retriedPerSecond' | 'deadLetters'>,
): string =>
  [
    `${shortText(edge.messagesPerSecond)} messages/s`,
    ...(edge.retriedPerSecond > 0 ? [`${shortText(edge.retriedPerSecond)} tries/s fail`] : []),
    ...(edge.deadLetters > 0 ? [countText(edge.deadLetters, 'dead letter')] : []),
  ].join(', ');

const Nodes = (props: {
  readonly graph: StoreGraph;
  readonly layout: GraphLayout;
  readonly selected: string | undefined;
  readonly pauses: StoreStatus['pauses'];
}): JSX.Element => (
  <g class="nodes">
    {props.graph.states.map(({ id, name, rows, rowsPerSecond, deadLetters }) => (
      <Node
        key={stateKey(id)}
        id={id}
        place={props.layout.nodes.get(stateKey(id))}
        kind="state"
        title={name ?? id}
        text={`${countText(rows, 'row')}${rowsPerSecond > 0 ? `, ${shortText(rowsPerSecond)}/s` : ''}`}
        isBad={deadLetters > 0}
        isPaused={findPause(props.pauses, 'state', id) !== undefined}
        isSelected={id === props.selected}
      />
    ))}
    {props.graph.processors.map(({ id, name, providerId, waiting }) => (
      <Node
        key={processorKey(id)}
        id={id}
        place={props.layout.nodes.get(processorKey(id))}
        kind="processor"
        title={name ?? providerId ?? id}
        text={waiting === null ? 'processor' : `${shortText(waiting)} waiting`}
        isBad={false}
        isPaused={false}
        isSelected={id === props.selected}
      />
    ))}
  </g>
);

const Node = (props: {
  readonly id: string;
  readonly place: { readonly x: number; readonly y: number } | undefined;
  readonly kind: 'state' | 'processor';
  readonly title: string;
  readonly text: string;
  readonly isBad: boolean;
  readonly isPaused: boolean;
  readonly isSelected: boolean;
}): JSX.Element | null => {
  const { id, place, kind, title, isBad, isPaused, isSelected } = props;
  const text = `${isPaused ? 'paused, ' : ''}${props.text}`;
  if (place === undefined) return null;
  return (
    <g
      class={`node ${kind}${isBad ? ' trouble' : ''}${isPaused ? ' paused' : ''}${isSelected ? ' selected' : ''}`}
      transform={`translate(${place.x - nodeWidth / 2} ${place.y - nodeHeight / 2})`}
    >
      {/* The table has the same links: five hundred more steps of the Tab key help nobody. */}
      <a href={formatAddress({ view: 'graph', id })} tabIndex={-1} aria-current={isSelected ? 'true' : undefined}>
        <title>{`${title}: ${text}`}</title>
        <rect width={nodeWidth} height={nodeHeight} rx={kind === 'state' ? 4 : nodeHeight / 2} />
        <text x={nodeWidth / 2} y={19}>
          {short(title)}
        </text>
        <text class="small" x={nodeWidth / 2} y={35}>
          {text}
        </text>
      </a>
    </g>
  );
};

const maxTitle = 26;

const short = (title: string): string => (title.length <= maxTitle ? title : `${title.slice(0, maxTitle - 1)}…`);

interface Camera {
  readonly zoom: (factor: number) => void;
  readonly fit: () => void;
}

/** Moves the pane without drawing anything anew: only its transformation changes. */
const useCamera = (
  svg: RefObject<SVGSVGElement | null>,
  pane: RefObject<SVGGElement | null>,
  layout: GraphLayout,
): Camera => {
  const at = useRef({ x: 0, y: 0, scale: 1 });

  const show = (x: number, y: number, scale: number): void => {
    at.current = { x, y, scale };
    pane.current?.setAttribute('transform', `translate(${x} ${y}) scale(${scale})`);
  };
  const fit = (): void => {
    const { clientWidth = 1, clientHeight = 1 } = svg.current ?? {};
    const scale = Math.min(1.2, clientWidth / layout.width, clientHeight / layout.height);
    show((clientWidth - layout.width * scale) / 2, (clientHeight - layout.height * scale) / 2, scale);
  };
  /** What is under the point stays there. */
  const zoomAt = (factor: number, px: number, py: number): void => {
    const { x, y, scale } = at.current;
    const next = Math.min(4, Math.max(0.02, scale * factor));
    show(px - ((px - x) * next) / scale, py - ((py - y) * next) / scale, next);
  };

  useEffect(fit, [layout]);
  useEffect(() => {
    const element = svg.current;
    if (element === null) return undefined;
    let from: { readonly x: number; readonly y: number } | undefined;
    let hasMoved = false;
    const listeners: {
      readonly [Name in 'pointerdown' | 'pointermove' | 'pointerup' | 'pointercancel']: (event: PointerEvent) => void;
    } = {
      pointerdown: ({ clientX, clientY }) => {
        from = { x: clientX, y: clientY };
        hasMoved = false;
      },
      pointermove: ({ clientX, clientY, pointerId }) => {
        if (from === undefined) return;
        // A click that trembles is a click.
        if (!hasMoved && Math.hypot(clientX - from.x, clientY - from.y) < 4) return;
        if (!hasMoved) element.setPointerCapture(pointerId);
        hasMoved = true;
        const { x, y, scale } = at.current;
        show(x + clientX - from.x, y + clientY - from.y, scale);
        from = { x: clientX, y: clientY };
      },
      pointerup: () => void (from = undefined),
      pointercancel: () => void (from = undefined),
    };
    const onWheel = (event: WheelEvent): void => {
      // Without the key the wheel scrolls the page.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      zoomAt(Math.exp(-event.deltaY / 300), event.clientX - left, event.clientY - top);
    };
    const onClick = (event: MouseEvent): void => {
      if (hasMoved) event.preventDefault();
    };
    for (const [name, listener] of Object.entries(listeners)) element.addEventListener(name as 'pointerdown', listener);
    element.addEventListener('wheel', onWheel, { passive: false });
    element.addEventListener('click', onClick, { capture: true });
    return () => {
      for (const [name, listener] of Object.entries(listeners)) {
        element.removeEventListener(name as 'pointerdown', listener);
      }
      element.removeEventListener('wheel', onWheel);
      element.removeEventListener('click', onClick, { capture: true });
    };
  }, []);

  return {
    fit,
    zoom: (factor) => {
      const { clientWidth = 0, clientHeight = 0 } = svg.current ?? {};
      zoomAt(factor, clientWidth / 2, clientHeight / 2);
    },
  };
};
