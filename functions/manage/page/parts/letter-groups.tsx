import type { JSX } from 'preact';
import type { DeadLetterGroup } from '../../../../shared/operate/group-dead-letters.ts';
import { formatAddress } from '../address.ts';
import type { LetterGroups } from '../use-letters.ts';
import { countText, numberText } from '../words.ts';
import { Table, type Column } from './table.tsx';
import { TimeText } from './time-text.tsx';

/** Dead letters by reason, the largest group first; each leads to its letters. */
export const LetterGroupTable = (props: { readonly id: string; readonly groups: LetterGroups }): JSX.Element => {
  const { groups, others, isComplete, scanned } = props.groups;
  return (
    <>
      <Table
        id={props.id}
        caption="Dead letters by reason"
        columns={columns}
        rows={groups}
        rowKey={({ code, stateId, routeId, reason }) => JSON.stringify([code, stateId, routeId, reason])}
        empty="None"
      />
      {others > 0 && <p class="quiet">{`${countText(others, 'letter')} of further groups`}</p>}
      {!isComplete && <p class="quiet">{`Of the newest ${numberText(scanned)} letters.`}</p>}
    </>
  );
};

const columns: readonly Column<DeadLetterGroup>[] = [
  { head: 'Letters', kind: 'number', cell: ({ count }) => numberText(count) },
  { head: 'Code', kind: 'code', cell: ({ code }) => <bdi class="bad">{code}</bdi> },
  { head: 'State or route', kind: 'code', cell: ({ stateId, routeId }) => <bdi>{stateId ?? routeId ?? '–'}</bdi> },
  { head: 'Reason', kind: 'reason', cell: ({ reason }) => <bdi>{reason}</bdi> },
  { head: 'First', cell: ({ firstTime }) => <TimeText time={firstTime} /> },
  { head: 'Last', cell: ({ lastTime }) => <TimeText time={lastTime} /> },
  {
    head: 'Actions',
    kind: 'actions',
    cell: ({ code, stateId, routeId, reason, count }) => (
      <a
        class="button"
        href={formatAddress({
          view: 'dead',
          query: { code, state_id: stateId ?? undefined, route_id: routeId ?? undefined, reason },
        })}
        aria-label={`Show ${countText(count, 'letter')} with ${code}: ${reason}`}
      >
        Show
      </a>
    ),
  },
];
