import type { JSX } from 'preact';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import { ageText } from '../words.ts';
import { PauseControl } from './pause-control.tsx';
import { Table, type Column } from './table.tsx';
import { TimeText } from './time-text.tsx';

type PauseLine = Extract<StoreStatus['pauses'], { readonly ok: true }>['list'][number];

/** What operators have paused; nothing if nothing is. @param nowMs by the server's clock */
export const PausedList = (props: {
  readonly pauses: StoreStatus['pauses'];
  readonly nowMs: number;
}): JSX.Element | null => {
  const { pauses, nowMs } = props;
  if (!pauses.ok || pauses.list.length === 0) return null;
  return (
    <section aria-labelledby="paused-title">
      <h2 id="paused-title">Paused</h2>
      <Table
        id="paused-table"
        caption="What is paused"
        columns={columnsOf(nowMs)}
        rows={pauses.list}
        rowKey={({ kind, id }) => `${kind} ${id}`}
        empty=""
      />
    </section>
  );
};

const columnsOf = (nowMs: number): readonly Column<PauseLine>[] => [
  {
    head: 'What',
    cell: ({ kind, id, name }) => (
      <>
        {`${kind} `}
        <bdi>{name ?? id}</bdi>
      </>
    ),
  },
  { head: 'For', cell: ({ sinceMs }) => ageText(nowMs - sinceMs) },
  {
    head: 'Until',
    cell: ({ untilMs }) => (untilMs === null ? 'it is resumed' : <TimeText time={new Date(untilMs).toISOString()} />),
  },
  { head: 'By', cell: ({ by }) => <bdi>{by}</bdi> },
  {
    head: 'Actions',
    kind: 'actions',
    cell: (pause) => <PauseControl kind={pause.kind} id={pause.id} name={pause.name ?? pause.id} paused={pause} />,
  },
];
