import { Fragment, type ComponentChildren, type JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import type { StateTrace } from '../../../../shared/operate/commands/state-trace.ts';
import { formatAddress, type Address } from '../address.ts';
import { useDesk } from '../desk.ts';
import { csvText, jsonLinesText } from '../export-rows.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { DeliveryWayOf } from '../parts/delivery-way.tsx';
import { Findings } from '../parts/findings.tsx';
import { findPause } from '../find-pause.ts';
import { PauseControl } from '../parts/pause-control.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { checkState, repairState } from '../repair-state.ts';
import { replaceAddress } from '../use-address.ts';
import { countText, numberText } from '../words.ts';

interface ShownState {
  readonly id: string;
  readonly stateType: string;
  readonly projectId: string | null;
  readonly config: Readonly<Record<string, string | null>>;
  readonly properties: Readonly<Record<string, unknown>> | null;
  readonly columns: readonly StateColumn[];
  readonly primaryKey: readonly { readonly name: string }[];
  readonly remap: readonly { readonly name: string; readonly alias: string | null }[];
  readonly templateColumns: readonly { readonly name: string }[];
  readonly forwardRoutes: readonly { readonly id: string; readonly processorId: string }[];
  readonly count: number;
  readonly offset: number;
  readonly rows: readonly (readonly (string | null)[])[];
}

interface StateColumn {
  readonly name: string;
  readonly dataType: string;
  readonly value: string | null;
  readonly callable: boolean;
}

const pageSize = 25;
/** What a browser can hold and save; the command line has no limit. */
const maxExported = 20_000;
const exportStep = 200;

/** One state: what it is, its rows in pages, and where each of them came from. */
export const StateView = (props: {
  readonly id: string;
  readonly query: Address['query'];
  readonly pauses: StoreStatus['pauses'];
}): JSX.Element => {
  const { id, query } = props;
  const desk = useDesk();
  const { client, attempt, say } = desk;
  const offset = wholeNumber(query['offset']);
  const [state, setState] = useState<ShownState>();
  const [findings, setFindings] = useState<readonly string[]>();
  const read = async (): Promise<void> =>
    setState(await client.command<ShownState>('state.show', { state_id: id, offset, limit: pageSize }));
  useEffect(() => void attempt(read), [id, offset]);
  const go = (more: Readonly<Record<string, string | undefined>>): string =>
    formatAddress({ view: 'states', id, query: { offset: offset === 0 ? undefined : String(offset), ...more } });

  const check = async (): Promise<void> => setFindings(await checkState(desk, id));
  const repair = async (): Promise<void> => {
    if (!(await repairState(desk, id))) return;
    await check();
    await read();
  };
  const save = async (kind: 'csv' | 'jsonl'): Promise<void> => {
    if (state === undefined) return;
    const rows: ShownState['rows'][number][] = [];
    for (let from = 0; from < Math.min(state.count, maxExported); from += exportStep) {
      const page = await client.command<ShownState>('state.show', { state_id: id, offset: from, limit: exportStep });
      rows.push(...page.rows);
    }
    const names = state.columns.map(({ name }) => name);
    saveFile(
      `${state.config['name'] ?? id}.${kind}`,
      kind === 'csv' ? csvText(names, rows) : jsonLinesText(names, rows),
    );
    if (state.count <= maxExported) return say(`${countText(rows.length, 'row')} exported`);
    say(`The first ${countText(maxExported, 'row')} exported. All: state-sync state export ${id}`, true);
    return undefined;
  };

  if (state === undefined) return <p class="quiet">Loading …</p>;
  const name = state.config['name'];
  return (
    <>
      {(query['row'] !== undefined || query['key'] !== undefined) && (
        <RowWays stateId={state.id} row={query['row']} rowKey={query['key']} close={go({})} />
      )}
      <section aria-labelledby="state-title">
        <div class="head">
          <h2 id="state-title">
            <bdi>{name ?? `State ${state.id}`}</bdi>
          </h2>
          <span class="grow" />
          <a href={formatAddress({ view: 'dead', query: { state_id: state.id } })}>Its dead letters</a>
          <a href={formatAddress({ view: 'graph', id: state.id })}>In the graph</a>
          <a href={formatAddress({ view: 'states' })}>All states</a>
        </div>
        <dl class="pairs">
          {pairsOf(state).map(([label, value]) => (
            <Fragment key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </Fragment>
          ))}
          <dt>Findings</dt>
          <dd>
            <Findings findings={findings} />
          </dd>
        </dl>
        <div class="buttons">
          <ActionButton onAction={check}>Check</ActionButton>
          {findings !== undefined && findings.length > 0 && <ActionButton onAction={repair}>Repair</ActionButton>}
          <PauseControl
            kind="state"
            id={state.id}
            name={name ?? state.id}
            paused={findPause(props.pauses, 'state', state.id)}
          />
          <ActionButton onAction={() => save('csv')}>Export CSV</ActionButton>
          <ActionButton onAction={() => save('jsonl')}>Export JSON lines</ActionButton>
        </div>
      </section>
      <section aria-labelledby="columns-title">
        <div class="head">
          <h2 id="columns-title">Columns</h2>
        </div>
        <Table
          id="columns-table"
          caption="Columns of the state"
          columns={columnColumns(state)}
          rows={state.columns}
          rowKey={(column) => column.name}
          empty="No columns yet: the first row makes them."
        />
      </section>
      <section aria-labelledby="rows-title">
        <div class="head">
          <h2 id="rows-title">Rows</h2>
          <span class="quiet">{rangeText(state)}</span>
          <span class="grow" />
          <SearchField
            label="Key"
            placeholder="state_key or its value"
            value={query['key'] ?? ''}
            onValue={(key) => replaceAddress(go({ key, row: undefined }))}
          />
        </div>
        <Table
          id="rows-table"
          caption={`Rows of the state from position ${state.offset}`}
          columns={rowColumns(state, (position) => go({ row: String(position) }))}
          rows={state.rows.map((cells, index) => ({ position: state.offset + index, cells }))}
          rowKey={({ position }) => String(position)}
          empty="No rows"
        />
        <div class="buttons">
          {state.offset > 0 && (
            <a class="button" href={go({ offset: String(Math.max(0, state.offset - pageSize)) })}>
              Previous rows
            </a>
          )}
          {state.offset + state.rows.length < state.count && (
            <a class="button" href={go({ offset: String(state.offset + pageSize) })}>
              Next rows
            </a>
          )}
        </div>
      </section>
    </>
  );
};

const wholeNumber = (text: string | undefined): number => (/^\d{1,9}$/.test(text ?? '') ? Number(text) : 0);

const rangeText = ({ offset, rows, count }: ShownState): string =>
  rows.length === 0
    ? countText(count, 'row')
    : `${numberText(offset)} to ${numberText(offset + rows.length - 1)} of ${countText(count, 'row')}`;

const saveFile = (name: string, text: string): void => {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name.replaceAll(/[^\w.-]+/g, '_');
  link.click();
  URL.revokeObjectURL(url);
};

const namesOf = (keys: readonly { readonly name: string; readonly alias?: string | null }[]): string =>
  keys.length === 0 ? '–' : keys.map(({ name, alias }) => (alias == null ? name : `${name} as ${alias}`)).join(', ');

const pairsOf = (state: ShownState): readonly (readonly [label: string, value: ComponentChildren])[] => [
  ['Id', <bdi class="mono">{state.id}</bdi>],
  ['Type', <bdi>{state.stateType}</bdi>],
  ['Project', <bdi>{state.projectId ?? '–'}</bdi>],
  ['Rows', numberText(state.count)],
  ['Primary key', <bdi>{namesOf(state.primaryKey)}</bdi>],
  ['Remapped columns', <bdi>{namesOf(state.remap)}</bdi>],
  ['Template columns', <bdi>{namesOf(state.templateColumns)}</bdi>],
  ['Properties', <bdi class="mono">{state.properties === null ? '–' : JSON.stringify(state.properties)}</bdi>],
  [
    'Forwards to',
    state.forwardRoutes.length === 0 ? (
      'no processor'
    ) : (
      <ul class="findings">
        {state.forwardRoutes.map(({ id, processorId }) => (
          <li key={id}>
            <a href={formatAddress({ view: 'graph', id: processorId })}>
              <bdi>{id}</bdi>
            </a>
          </li>
        ))}
      </ul>
    ),
  ],
];

const columnColumns = ({ primaryKey }: ShownState): readonly Column<StateColumn>[] => [
  { head: 'Column', cell: ({ name }) => <bdi>{name}</bdi> },
  { head: 'Type', cell: ({ dataType }) => <bdi>{dataType}</bdi> },
  { head: 'Key', cell: ({ name }) => (primaryKey.some((key) => key.name === name) ? 'primary key' : '') },
  {
    head: 'Value',
    kind: 'code',
    cell: ({ value, callable }) => (value === null ? '' : <bdi>{`${callable ? 'computed: ' : ''}${value}`}</bdi>),
  },
];

interface RowLine {
  readonly position: number;
  readonly cells: readonly (string | null)[];
}

const maxCell = 200;

const rowColumns = ({ columns }: ShownState, wayOf: (position: number) => string): readonly Column<RowLine>[] => [
  {
    head: 'Position',
    kind: 'number',
    cell: ({ position }) => (
      <a href={wayOf(position)} aria-label={`Way of row ${position}`}>
        {position}
      </a>
    ),
  },
  ...columns.map(({ name }, index): Column<RowLine> => ({
    // The position has a head of its own.
    head: name === 'Position' ? 'Position (column)' : name,
    cell: ({ cells }) => {
      const text = cells[index] ?? null;
      return text === null ? (
        <span class="quiet">–</span>
      ) : (
        <bdi>{text.length > maxCell ? `${text.slice(0, maxCell)}…` : text}</bdi>
      );
    },
  })),
];

/** Where a row came from, or all rows of a key. */
const RowWays = (props: {
  readonly stateId: string;
  readonly row: string | undefined;
  readonly rowKey: string | undefined;
  readonly close: string;
}): JSX.Element | null => {
  const { client, attempt } = useDesk();
  const { stateId, row, rowKey: key } = props;
  const [found, setFound] = useState<StateTrace>();
  useEffect(() => {
    let isCurrent = true;
    setFound(undefined);
    void attempt(async () => {
      const which = row === undefined ? { key } : { row: wholeNumber(row) };
      const ways = await client.command<StateTrace>('state.trace', { state_id: stateId, ...which });
      if (isCurrent) setFound(ways);
    });
    return () => void (isCurrent = false);
  }, [stateId, row, key]);
  if (found === undefined) return null;
  return (
    <>
      {found.rows.map(({ position, cells, delivery, trace }) => (
        <section key={position} class="way" aria-labelledby={`way-${position}`}>
          <div class="head">
            <h2 id={`way-${position}`}>{`The way of row ${position}`}</h2>
            <span class="grow" />
            <a href={props.close}>Close</a>
          </div>
          <p>
            {Object.entries(cells).map(([name, cell]) => (
              <span key={name}>
                <bdi class="quiet">{name}</bdi> <bdi>{cell ?? '–'}</bdi>
                {'   '}
              </span>
            ))}
          </p>
          {delivery === null ? (
            <p class="warn">No message is known of it: another writer stored it, or its ledger row is pruned.</p>
          ) : (
            <DeliveryWayOf way={delivery} trace={trace} />
          )}
        </section>
      ))}
      {!found.isComplete && <p class="quiet">There are more rows with this key.</p>}
    </>
  );
};
