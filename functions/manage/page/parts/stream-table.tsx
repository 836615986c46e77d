import type { ComponentChildren, JSX } from 'preact';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import type { LastKnown } from '../last-known.ts';
import type { LiveStatus } from '../live-status.ts';
import { consumerKey, ratesOf, type Samples } from '../samples.ts';
import { ageText, numberText, rateText } from '../words.ts';
import { findPause } from '../find-pause.ts';
import { PauseControl } from './pause-control.tsx';
import { Spark } from './spark.tsx';
import { Table, type Column } from './table.tsx';

type NamedStream = StoreStatus['streams'][number];

/** Streams with their consumers, each on a line of its own. What cannot be asked now keeps its last figures. */
export const StreamTable = (props: {
  readonly id: string;
  readonly caption: string;
  readonly streams: readonly NamedStream[];
  readonly status: LiveStatus;
  readonly known: LastKnown;
  readonly samples: Samples;
}): JSX.Element => (
  <Table
    id={props.id}
    caption={props.caption}
    columns={columnsOf(props.samples, props.status)}
    rows={props.streams.flatMap((named) => linesOf(named, props.status, props.known))}
    rowKey={({ named, consumer }) => consumerKey(named.name, consumer?.name ?? '')}
    empty="The routing file names none."
  />
);

type Stream = NonNullable<Extract<NamedStream, { readonly ok: true }>['stream']>;
type Consumer = Stream['consumers'][number];

/** A stream with one of its consumers; a stream that has none, or that is not there, is a line too. */
interface StreamLine {
  readonly named: NamedStream;
  readonly stream: Stream | undefined;
  readonly consumer: Consumer | undefined;
  readonly note: ComponentChildren;
}

const columnsOf = (samples: Samples, { time, pauses }: LiveStatus): readonly Column<StreamLine>[] => [
  {
    head: 'Stream and consumer',
    cell: ({ named, consumer }) => (
      <span>
        <bdi title={named.selectors.join(', ')}>{named.name}</bdi>
        {consumer !== undefined && <bdi class="sub mono quiet">{consumer.name}</bdi>}
      </span>
    ),
  },
  { head: 'Messages', kind: 'number', cell: ({ stream }) => numberText(stream?.messages) },
  { head: 'In per second', kind: 'number', cell: ({ named }) => rateText(ratesOf(samples, named.name).at(-1)) },
  { head: 'Last 2 minutes', cell: ({ named }) => <Spark rates={ratesOf(samples, named.name)} of={named.name} /> },
  { head: 'Waiting', kind: 'number', cell: ({ consumer }) => numberText(consumer?.pending) },
  { head: 'In flight', kind: 'number', cell: ({ consumer }) => numberText(consumer?.ackPending) },
  {
    head: 'Oldest',
    kind: 'number',
    cell: ({ consumer }) =>
      consumer === undefined || consumer.oldestMs === null ? '–' : ageText(Date.parse(time) - consumer.oldestMs),
  },
  { head: 'Redelivered', kind: 'number', cell: ({ consumer }) => numberText(consumer?.redelivered) },
  {
    head: 'Done per second',
    kind: 'number',
    cell: ({ named, consumer }) =>
      rateText(consumer && ratesOf(samples, consumerKey(named.name, consumer.name)).at(-1)),
  },
  { head: 'Note', cell: ({ note }) => note },
  {
    head: 'Actions',
    kind: 'actions',
    cell: ({ named, consumer }) =>
      consumer === undefined || named.functions.length === 0 ? null : (
        <PauseControl
          kind="durable"
          id={consumer.name}
          name={consumer.name}
          paused={findPause(pauses, 'durable', consumer.name)}
        />
      ),
  },
];

const linesOf = (named: NamedStream, status: LiveStatus, known: LastKnown): readonly StreamLine[] => {
  const last = known.streams.get(named.name);
  const ageMs = last === undefined ? 0 : Date.parse(status.time) - last.atMs;
  const silence = named.ok ? null : (
    <span class="bad">
      <bdi>{`${named.code}: ${named.reason}`}</bdi>
      {last !== undefined && ` The figures are ${ageText(ageMs)} old.`}
    </span>
  );
  const stream = last?.value;
  if (stream === undefined) {
    return [{ named, stream, consumer: undefined, note: silence ?? <span class="quiet">not there yet</span> }];
  }
  if (stream.consumers.length === 0) {
    return [{ named, stream, consumer: undefined, note: silence ?? <span class="quiet">no consumer</span> }];
  }
  return stream.consumers.map((consumer) => ({ named, stream, consumer, note: silence ?? noteOf(consumer, status) }));
};

const noteOf = (consumer: Consumer, { health }: LiveStatus): ComponentChildren => {
  const state = health.states.find(({ part, name }) => part === 'durable' && name === consumer.name);
  if (state === undefined || state.level === 'good') return null;
  return <span class={state.level}>{state.headline}</span>;
};
