import type { ComponentChildren, JSX } from 'preact';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import type { LiveStatus } from '../live-status.ts';
import { Spark } from '../parts/spark.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { consumerKey, ratesOf, type Samples } from '../samples.ts';
import { numberText, rateText } from '../words.ts';

type FunctionLine = Extract<NonNullable<StoreStatus['functions']>, { readonly ok: true }>['list'][number];

const functionColumns: readonly Column<FunctionLine>[] = [
  { head: 'Function', cell: ({ name }) => name },
  { head: 'Replicas', kind: 'number', cell: ({ replicas }) => numberText(replicas) },
  { head: 'Ready', kind: 'number', cell: ({ availableReplicas }) => numberText(availableReplicas) },
  { head: 'Calls', kind: 'number', cell: ({ invocations }) => numberText(invocations) },
  { head: 'In flight', kind: 'number', cell: ({ inFlight }) => numberText(inFlight) },
  { head: 'Cold starts', kind: 'number', cell: ({ coldStarts }) => numberText(coldStarts) },
  { head: 'Restarts', kind: 'number', cell: ({ restarts }) => numberText(restarts) },
];

/** Streams, functions and the figures that matter most. */
export const Overview = ({
  status,
  samples,
}: {
  readonly status: LiveStatus;
  readonly samples: Samples;
}): JSX.Element => (
  <>
    <Tiles status={status} samples={samples} />
    <section aria-labelledby="streams-title">
      <div class="head">
        <h2 id="streams-title">Streams</h2>
        {status.nats.ok && (
          <span class="quiet">{`nats-server ${status.nats.version}, ${status.nats.latencyMs} ms`}</span>
        )}
      </div>
      <Table
        id="streams-table"
        caption="Backlog and rate of every stream"
        columns={streamColumns(samples)}
        rows={status.streams.flatMap(linesOf)}
        rowKey={({ named, consumer }) => consumerKey(named.name, consumer?.name ?? '')}
        empty="The routing file names no stream."
      />
    </section>
    <section aria-labelledby="functions-title">
      <div class="head">
        <h2 id="functions-title">Functions</h2>
        {functionsNote(status.functions)}
      </div>
      <Table
        id="functions-table"
        caption="Functions and their replicas"
        columns={functionColumns}
        rows={status.functions?.ok === true ? status.functions.list : []}
        rowKey={({ name }) => name}
        empty="The gateway knows no functions."
      />
    </section>
  </>
);

type NamedStream = StoreStatus['streams'][number];
type Stream = NonNullable<Extract<NamedStream, { readonly ok: true }>['stream']>;
type Consumer = Stream['consumers'][number];

/** A stream with one of its consumers; a stream that has none, or that is not there, is a line too. */
interface StreamLine {
  readonly named: NamedStream;
  readonly stream: Stream | undefined;
  readonly consumer: Consumer | undefined;
}

const streamColumns = (samples: Samples): readonly Column<StreamLine>[] => [
  { head: 'Stream', cell: ({ named }) => <bdi title={named.selectors.join(', ')}>{named.name}</bdi> },
  { head: 'Messages', kind: 'number', cell: ({ stream }) => numberText(stream?.messages) },
  { head: 'In per second', kind: 'number', cell: ({ named }) => rateText(ratesOf(samples, named.name).at(-1)) },
  { head: 'Last 2 minutes', cell: ({ named }) => <Spark rates={ratesOf(samples, named.name)} of={named.name} /> },
  { head: 'Consumer', kind: 'code', cell: ({ consumer }) => <bdi>{consumer?.name ?? '–'}</bdi> },
  { head: 'Waiting', kind: 'number', cell: ({ consumer }) => numberText(consumer?.pending) },
  { head: 'In flight', kind: 'number', cell: ({ consumer }) => numberText(consumer?.ackPending) },
  { head: 'Redelivered', kind: 'number', cell: ({ consumer }) => numberText(consumer?.redelivered) },
  {
    head: 'Done per second',
    kind: 'number',
    cell: ({ named, consumer }) =>
      rateText(consumer && ratesOf(samples, consumerKey(named.name, consumer.name)).at(-1)),
  },
  { head: 'Note', cell: noteOf },
];

const noteOf = ({ named, stream, consumer }: StreamLine): ComponentChildren => {
  if (!named.ok) return <span class="bad">{`${named.code}: ${named.reason}`}</span>;
  if (stream === undefined) return <span class="quiet">not there yet</span>;
  if (consumer === undefined) return <span class="quiet">no consumer</span>;
  if (consumer.isPaused) return <span class="bad">paused</span>;
  if (consumer.isPush) return <span class="bad">A push consumer: it cannot be read.</span>;
  if (consumer.waiting === 0 && consumer.pending + consumer.ackPending > 0) {
    return <span class="bad">No active consumer</span>;
  }
  if (consumer.ackPending >= consumer.maxAckPending)
    return <span class="warn">All that it may give out is in flight.</span>;
  return null;
};

const linesOf = (named: NamedStream): readonly StreamLine[] => {
  const stream = named.ok && named.stream !== null ? named.stream : undefined;
  if (stream === undefined || stream.consumers.length === 0) return [{ named, stream, consumer: undefined }];
  return stream.consumers.map((consumer) => ({ named, stream, consumer }));
};

const functionsNote = (functions: StoreStatus['functions']): ComponentChildren => {
  if (functions === null) return <span class="quiet">GATEWAY_URL is not set.</span>;
  return functions.ok ? null : <span class="bad">{`${functions.code}: ${functions.reason}`}</span>;
};

const Tile = (props: {
  readonly id: string;
  readonly name: string;
  readonly level?: string;
  readonly text: string;
}) => (
  <div>
    <dt>{props.name}</dt>
    <dd id={props.id} data-level={props.level}>
      {props.text}
    </dd>
  </div>
);

const Tiles = ({ status, samples }: { readonly status: LiveStatus; readonly samples: Samples }): JSX.Element => {
  const { deadLetters, database } = status;
  const streams = status.streams.flatMap((named) =>
    named.ok && named.stream !== null && named.stream.consumers.length > 0
      ? [{ name: named.name, ...named.stream }]
      : [],
  );
  const consumers = streams.flatMap((stream) => stream.consumers);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const rates = streams.flatMap(({ name }) => ratesOf(samples, name).slice(-1));
  return (
    <dl class="tiles" aria-label="Overview">
      <Tile id="tile-waiting" name="Waiting messages" text={numberText(sum(consumers.map(({ pending }) => pending)))} />
      <Tile id="tile-flight" name="In flight" text={numberText(sum(consumers.map(({ ackPending }) => ackPending)))} />
      <Tile id="tile-rate" name="Received per second" text={rateText(rates.length === 0 ? undefined : sum(rates))} />
      <Tile
        id="tile-dead"
        name="Dead letters"
        level={deadLetters.ok && deadLetters.messages === 0 ? 'good' : 'bad'}
        text={deadLetters.ok ? numberText(deadLetters.messages) : '?'}
      />
      <Tile
        id="tile-database"
        name="Database"
        level={database.ok ? 'good' : 'bad'}
        text={database.ok ? `${numberText(database.latencyMs)} ms` : 'down'}
      />
      <Tile
        id="tile-ledger"
        name="Ledger rows"
        text={database.ok ? `${database.isLedgerCounted ? '' : '~'}${numberText(database.ledgerRows)}` : '–'}
      />
    </dl>
  );
};
