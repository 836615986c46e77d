import { Fragment, type ComponentChildren, type JSX } from 'preact';
import type { DeliveryWay } from '../../../../shared/operate/delivery-way.ts';
import type { FoundTrace } from '../../../../shared/operate/find-trace.ts';
import { formatAddress } from '../address.ts';
import { countText, numberText } from '../words.ts';
import { TimeText } from './time-text.tsx';
import { TraceTree } from './trace-tree.tsx';

/** How a message came, what it stored and what was passed on, with its trace below. */
export const DeliveryWayOf = ({
  way,
  trace,
}: {
  readonly way: DeliveryWay;
  readonly trace: FoundTrace;
}): JSX.Element => (
  <>
    <dl class="pairs">
      {pairsOf(way).map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
    <h3>Trace</h3>
    {trace.traceId === null ? <p class="quiet">{`None: ${trace.reason}.`}</p> : <TraceTree traceId={trace.traceId} />}
  </>
);

const pairsOf = (way: DeliveryWay): readonly (readonly [name: string, value: ComponentChildren])[] => [
  ['Message id', <bdi>{way.messageId ?? 'none'}</bdi>],
  ...(way.editOf === null ? [] : [['Edited from', `dead letter ${way.editOf}`] as const]),
  ['Stream', <bdi>{way.stream ?? 'not told by the identity'}</bdi>],
  ...(way.streamSequence === null ? [] : [['Sequence', numberText(way.streamSequence)] as const]),
  ...(way.publishedTime === null ? [] : [['Published', <TimeText time={way.publishedTime} />] as const]),
  ['Stored', <TimeText time={way.storedTime} />],
  ['By', way.functions.join(' or ') || 'an unknown function'],
  ['Rows', <RowsOf way={way} />],
  ...(way.forwardOf === null
    ? []
    : [
        [
          'Passes on',
          <>
            {`rows ${way.forwardOf.rows} of `}
            <a href={formatAddress({ view: 'find', query: { q: way.forwardOf.identity } })}>
              <bdi>{way.forwardOf.identity}</bdi>
            </a>
          </>,
        ] as const,
      ]),
  ['Forwards', <ForwardsOf way={way} />],
  ['Identity', <bdi class="mono">{way.identity}</bdi>],
];

const RowsOf = ({ way }: { readonly way: DeliveryWay }): JSX.Element => {
  const { stateId, stateName, rows, firstRow, lastRow } = way;
  if (stateId === null) return <>none: it was passed on</>;
  return (
    <>
      {firstRow === null
        ? 'none in '
        : firstRow === lastRow
          ? `row ${firstRow} of `
          : `${countText(rows, 'row')}, ${firstRow} to ${lastRow} of `}
      <a
        href={formatAddress({
          view: 'states',
          id: stateId,
          query: firstRow === null ? {} : { offset: String(firstRow), row: String(firstRow) },
        })}
      >
        <bdi>{stateName ?? stateId}</bdi>
      </a>
    </>
  );
};

const ForwardsOf = ({ way }: { readonly way: DeliveryWay }): JSX.Element => {
  if (!way.isForwarded) return <span class="warn">not all confirmed yet: it is tried again</span>;
  if (way.forwards.length === 0)
    return <>{way.stateId === null ? 'confirmed' : 'none: no processor is behind the state'}</>;
  return (
    <>
      all confirmed
      <ul class="findings">
        {way.forwards.map(({ routeId, handled }) => (
          <li key={routeId}>
            <bdi>{routeId}</bdi>
            {handled.length === 0 ? ': no function has handled one yet' : `: ${handled.length} handled`}
          </li>
        ))}
      </ul>
    </>
  );
};
