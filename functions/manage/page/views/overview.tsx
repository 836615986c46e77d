import type { ComponentChildren, JSX } from 'preact';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import type { Known, LastKnown } from '../last-known.ts';
import type { LiveStatus } from '../live-status.ts';
import { findPause } from '../find-pause.ts';
import { PauseControl } from '../parts/pause-control.tsx';
import { PausedList } from '../parts/paused-list.tsx';
import { StreamTable } from '../parts/stream-table.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { Troubles } from '../parts/troubles.tsx';
import { ratesOf, type Samples } from '../samples.ts';
import { ageText, numberText, rateText } from '../words.ts';

interface OverviewProps {
  readonly status: LiveStatus;
  readonly known: LastKnown;
  readonly samples: Samples;
}

/** Troubles first; then the figures that matter most, streams and functions. */
export const Overview = (props: OverviewProps): JSX.Element => {
  const { status, known } = props;
  const nowMs = Date.parse(status.time);
  return (
    <>
      <Troubles health={status.health} nowMs={nowMs} />
      <PausedList pauses={status.pauses} nowMs={nowMs} />
      <Tiles {...props} />
      <section aria-labelledby="streams-title">
        <div class="head">
          <h2 id="streams-title">Streams</h2>
          {status.nats.ok && (
            <span class="quiet">{`nats-server ${status.nats.version}, ${status.nats.latencyMs} ms`}</span>
          )}
        </div>
        <StreamTable
          {...props}
          id="streams-table"
          caption="Streams that we store: backlog and rate"
          streams={status.streams.filter(({ functions }) => functions.length > 0)}
        />
      </section>
      <section aria-labelledby="functions-title">
        <div class="head">
          <h2 id="functions-title">Functions</h2>
          {functionsNote(status.functions, known.functions, nowMs)}
        </div>
        <Table
          id="functions-table"
          caption="Functions and their replicas"
          columns={functionColumns(status)}
          rows={known.functions?.value ?? []}
          rowKey={({ name }) => name}
          empty="The gateway knows no functions."
        />
      </section>
      <section aria-labelledby="downstream-title">
        <div class="head">
          <h2 id="downstream-title">Downstream</h2>
          <span class="quiet">Streams that we fill and others read; not our health.</span>
        </div>
        <StreamTable
          {...props}
          id="downstream-table"
          caption="Streams that others read: backlog and rate"
          streams={status.streams.filter(({ functions }) => functions.length === 0)}
        />
      </section>
    </>
  );
};

const functionsNote = (
  functions: StoreStatus['functions'],
  known: LastKnown['functions'],
  nowMs: number,
): ComponentChildren => {
  if (functions === null) return <span class="quiet">GATEWAY_URL is not set.</span>;
  if (functions.ok) return null;
  const age = known === undefined ? '' : ` The figures are ${ageText(nowMs - known.atMs)} old.`;
  return <span class="bad">{`${functions.code}: ${functions.reason}${age}`}</span>;
};

type FunctionLine = NonNullable<LastKnown['functions']>['value'][number];

const functionColumns = ({ health, pauses, streams }: StoreStatus): readonly Column<FunctionLine>[] => [
  { head: 'Function', cell: ({ name }) => name },
  { head: 'Replicas', kind: 'number', cell: ({ replicas }) => numberText(replicas) },
  { head: 'Ready', kind: 'number', cell: ({ availableReplicas }) => numberText(availableReplicas) },
  { head: 'Calls', kind: 'number', cell: ({ invocations }) => numberText(invocations) },
  { head: 'In flight', kind: 'number', cell: ({ inFlight }) => numberText(inFlight) },
  { head: 'Cold starts', kind: 'number', cell: ({ coldStarts }) => numberText(coldStarts) },
  { head: 'Restarts', kind: 'number', cell: ({ restarts }) => numberText(restarts) },
  {
    head: 'Note',
    cell: ({ name }) => {
      const state = health.states.find((one) => one.part === 'function' && one.name === name);
      return state === undefined || state.level === 'good' ? null : <span class={state.level}>{state.headline}</span>;
    },
  },
  {
    head: 'Actions',
    kind: 'actions',
    cell: ({ name }) =>
      // Only what the connector calls can be paused.
      streams.some(({ functions }) => functions.includes(name)) ? (
        <PauseControl kind="function" id={name} name={name} paused={findPause(pauses, 'function', name)} />
      ) : null,
  },
];

const Tile = (props: {
  readonly id: string;
  readonly name: string;
  readonly level?: string;
  readonly text: string;
  /** What is to be said of its age; empty if it is of now. */
  readonly age?: string;
}): JSX.Element => (
  <div>
    <dt>{props.name}</dt>
    <dd id={props.id} data-level={props.level}>
      {props.text}
      {props.age !== undefined && props.age !== '' && <small class="quiet">{` ${props.age}`}</small>}
    </dd>
  </div>
);

/** How old a value is whose part is silent now. */
const ageOf = (known: Known<unknown> | undefined, nowMs: number): string =>
  known === undefined || nowMs <= known.atMs ? '' : `${ageText(nowMs - known.atMs)} ago`;

const Tiles = ({ status, known, samples }: OverviewProps): JSX.Element => {
  const nowMs = Date.parse(status.time);
  const { deadLetters, database } = known;
  const own = status.streams.filter(({ functions }) => functions.length > 0).map(({ name }) => name);
  const streams = own.flatMap((name) => known.streams.get(name) ?? []);
  const consumers = streams.flatMap(({ value }) => value.consumers);
  const oldest = streams.toSorted((one, other) => one.atMs - other.atMs)[0];
  const streamAge = ageOf(oldest, nowMs);
  const rates = own.flatMap((name) => ratesOf(samples, name).slice(-1));
  const dead = deadLetters?.value.messages;
  return (
    <dl class="tiles" aria-label="Overview">
      <Tile
        id="tile-waiting"
        name="Waiting messages"
        text={streams.length === 0 ? '–' : numberText(sum(consumers.map(({ pending }) => pending)))}
        age={streamAge}
      />
      <Tile
        id="tile-flight"
        name="In flight"
        text={streams.length === 0 ? '–' : numberText(sum(consumers.map(({ ackPending }) => ackPending)))}
        age={streamAge}
      />
      <Tile id="tile-rate" name="Received per second" text={rateText(rates.length === 0 ? undefined : sum(rates))} />
      <Tile
        id="tile-dead"
        name="Dead letters"
        level={dead === 0 ? 'good' : 'bad'}
        text={numberText(dead)}
        age={ageOf(deadLetters, nowMs)}
      />
      <Tile
        id="tile-database"
        name="Database"
        level={status.database.ok ? 'good' : 'bad'}
        text={status.database.ok ? `${numberText(status.database.latencyMs)} ms` : 'down'}
      />
      <Tile
        id="tile-ledger"
        name="Ledger rows"
        text={`${database?.value.isLedgerCounted === false ? '~' : ''}${numberText(database?.value.ledgerRows)}`}
        age={ageOf(database, nowMs)}
      />
    </dl>
  );
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
