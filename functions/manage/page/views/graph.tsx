import { Fragment, type ComponentChildren, type JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import type { StoreGraph } from '../../../../shared/operate/graph/store-graph.ts';
import { formatAddress } from '../address.ts';
import { shortText } from '../chart-words.ts';
import { useDesk } from '../desk.ts';
import { findPause } from '../find-pause.ts';
import { findRoutePause } from '../find-route-pause.ts';
import { PauseControl } from '../parts/pause-control.tsx';
import { GraphMap } from '../parts/graph-map.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { countText, numberText } from '../words.ts';

const refreshMs = 5_000;

/** The graph of states and processors with what flows now: as a map, and as tables that say the same. */
export const GraphView = (props: {
  readonly selected: string | undefined;
  readonly pauses: StoreStatus['pauses'];
}): JSX.Element => {
  const { selected, pauses } = props;
  const { client, attempt } = useDesk();
  const [graph, setGraph] = useState<StoreGraph>();

  useEffect(() => {
    let isCurrent = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async (): Promise<void> => {
      await attempt(async () => {
        const fresh = await client.command<StoreGraph>('graph');
        if (isCurrent) setGraph(fresh);
      });
      if (isCurrent) timer = setTimeout(() => void read(), refreshMs);
    };
    void read();
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, []);

  if (graph === undefined) return <p class="quiet">Loading …</p>;
  return (
    <>
      <section aria-labelledby="graph-title">
        <div class="head">
          <h2 id="graph-title">Graph</h2>
          <span class="quiet">{summaryOf(graph)}</span>
        </div>
        {graph.edges.length === 0 ? (
          <p class="quiet">No routes: no processor reads a state or writes one.</p>
        ) : (
          <GraphMap graph={graph} selected={selected} pauses={pauses} />
        )}
        {selected !== undefined && <Selected graph={graph} id={selected} pauses={pauses} />}
      </section>
      <section aria-labelledby="routes-title">
        <div class="head">
          <h2 id="routes-title">Routes</h2>
          <span class="quiet">what the map shows, as a table</span>
        </div>
        <Table
          id="routes-table"
          caption="Routes between processors and states"
          columns={columnsOf(graph, pauses)}
          rows={graph.edges}
          rowKey={({ routeId }) => routeId}
          empty="No routes"
        />
      </section>
    </>
  );
};

const summaryOf = ({ states, processors, edges, isComplete }: StoreGraph): string =>
  `${countText(states.length, 'state')}, ${countText(processors.length, 'processor')}, ${countText(edges.length, 'route')}${isComplete ? '' : ' of more'}`;

type Edge = StoreGraph['edges'][number];

const stateLink = (id: string): string => formatAddress({ view: 'states', id });
const nodeLink = (id: string): string => formatAddress({ view: 'graph', id });

const columnsOf = ({ states, processors }: StoreGraph, pauses: StoreStatus['pauses']): readonly Column<Edge>[] => {
  const stateOf = new Map(states.map((state) => [state.id, state]));
  const processorOf = new Map(processors.map((processor) => [processor.id, processor]));
  const state = (id: string): JSX.Element => (
    <a href={stateLink(id)}>
      <bdi>{stateOf.get(id)?.name ?? id}</bdi>
    </a>
  );
  const processor = (id: string): JSX.Element => (
    <a href={nodeLink(id)}>
      <bdi>{processorOf.get(id)?.name ?? processorOf.get(id)?.providerId ?? id}</bdi>
    </a>
  );
  return [
    {
      head: 'From',
      cell: ({ direction, stateId, processorId }) => (direction === 'OUTPUT' ? processor(processorId) : state(stateId)),
    },
    {
      head: 'To',
      cell: ({ direction, stateId, processorId }) => (direction === 'OUTPUT' ? state(stateId) : processor(processorId)),
    },
    { head: 'Messages/s', kind: 'number', cell: ({ messagesPerSecond }) => shortText(messagesPerSecond) },
    { head: 'Failed tries/s', kind: 'number', cell: ({ retriedPerSecond }) => shortText(retriedPerSecond) },
    { head: 'Rows', kind: 'number', cell: ({ stateId }) => numberText(stateOf.get(stateId)?.rows) },
    {
      head: 'Rows/s',
      kind: 'number',
      cell: ({ stateId }) => shortText(stateOf.get(stateId)?.rowsPerSecond ?? 0),
    },
    {
      head: 'Waiting',
      kind: 'number',
      cell: ({ processorId, direction }) =>
        direction === 'INPUT' ? numberText(processorOf.get(processorId)?.waiting) : '',
    },
    {
      head: 'Paused',
      cell: ({ routeId }) => pausedText(findRoutePause(pauses, routeId)),
    },
    {
      head: 'Dead letters',
      kind: 'number',
      cell: ({ deadLetters, routeId }) => <LettersLink count={deadLetters} query={{ route_id: routeId }} />,
    },
    {
      head: 'Actions',
      kind: 'actions',
      cell: ({ routeId }) => (
        <PauseControl kind="route" id={routeId} name={routeId} paused={findPause(pauses, 'route', routeId)} />
      ),
    },
  ];
};

/** Whose pause it is: a route waits with its state. */
const pausedText = (pause: ReturnType<typeof findRoutePause>): string =>
  pause === undefined ? '' : pause.kind === 'route' ? 'yes' : `with ${pause.kind} ${pause.name ?? pause.id}`;

const LettersLink = (props: {
  readonly count: number;
  readonly query: Readonly<Record<string, string>>;
}): JSX.Element =>
  props.count === 0 ? (
    <>0</>
  ) : (
    <a class="bad" href={formatAddress({ view: 'dead', query: props.query })}>
      {countText(props.count, 'dead letter')}
    </a>
  );

/** What was clicked, and where it leads. */
const Selected = (props: {
  readonly graph: StoreGraph;
  readonly id: string;
  readonly pauses: StoreStatus['pauses'];
}): JSX.Element | null => {
  const { graph, id } = props;
  const state = graph.states.find((one) => one.id === id);
  const processor = graph.processors.find((one) => one.id === id);
  if (state === undefined && processor === undefined) return <p class="quiet">It is not in the graph.</p>;
  const pairs: readonly (readonly [string, ComponentChildren])[] =
    state !== undefined
      ? [
          ['State', <a href={stateLink(id)}>{<bdi>{state.name ?? id}</bdi>}</a>],
          ['Rows', `${numberText(state.rows)}, ${shortText(state.rowsPerSecond)} per second`],
          ['Dead letters', <LettersLink count={state.deadLetters} query={{ state_id: id }} />],
          ['Routes', <RouteList {...props} />],
        ]
      : [
          ['Processor', <bdi>{processor?.name ?? id}</bdi>],
          ['Provider', <bdi>{processor?.providerId ?? '–'}</bdi>],
          [
            'Stream',
            processor?.stream == null ? (
              'The routing file has no route for it.'
            ) : (
              <a href={formatAddress({ view: 'overview' })}>
                <bdi>{processor.stream}</bdi>
              </a>
            ),
          ],
          ['Subject', <bdi>{processor?.subject ?? '–'}</bdi>],
          ['Waiting', numberText(processor?.waiting)],
          ['Routes', <RouteList {...props} />],
        ];
  return (
    <dl class="pairs" id="selected" aria-label="What was chosen in the map">
      {pairs.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
};

const RouteList = ({ graph, id, pauses }: Parameters<typeof Selected>[0]): JSX.Element => (
  <ul class="findings">
    {graph.edges
      .filter(({ stateId, processorId }) => stateId === id || processorId === id)
      .map(({ routeId, direction, messagesPerSecond, deadLetters, level }) => (
        <li key={routeId} class={level === 'good' ? undefined : level}>
          <bdi>{routeId}</bdi>
          {` (${direction}), ${findRoutePause(pauses, routeId) === undefined ? '' : 'paused, '}${shortText(messagesPerSecond)} messages per second, `}
          <LettersLink count={deadLetters} query={{ route_id: routeId }} />
        </li>
      ))}
  </ul>
);
