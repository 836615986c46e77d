import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import type { DeadLetterLine } from '../../../../shared/operate/describe-dead-letter.ts';
import { formatAddress, type Address } from '../address.ts';
import { useDesk } from '../desk.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { TimeText } from '../parts/time-text.tsx';
import { TraceLink } from '../parts/trace-link.tsx';
import { inSteps, replayText, type ReplayStep } from '../replay-steps.ts';
import { replaceAddress } from '../use-address.ts';
import { numberText } from '../words.ts';
import { DeadLetter } from './dead-letter.tsx';

interface LetterPage {
  readonly total: number;
  readonly lastSequence: number;
  readonly letters: readonly DeadLetterLine[];
  readonly next: number | null;
}

const pageSize = 25;
const longestPage = 500;

/** Dead letters, newest first. A list that is read does not move: what is new is shown when it is asked for. */
export const DeadLetters = (props: {
  readonly address: Address;
  readonly summary: StoreStatus['deadLetters'];
}): JSX.Element => {
  const { client, say, ask, attempt } = useDesk();
  const { address, summary } = props;
  const [page, setPage] = useState<LetterPage>();
  const { code } = address.query;
  const filter = code === undefined ? {} : { code };
  const isStale = page !== undefined && hasChanged(page, summary);

  const readPage = (fields: Readonly<Record<string, unknown>>): Promise<LetterPage> =>
    client.command<LetterPage>('dead.list', { ...filter, ...fields });

  const reload = async (): Promise<void> => {
    const shown = page?.letters.length ?? 0;
    setPage(await readPage({ limit: Math.max(pageSize, Math.min(longestPage, shown)) }));
  };

  useEffect(() => {
    let isCurrent = true;
    void attempt(async () => {
      const first = await readPage({ limit: pageSize });
      if (isCurrent) setPage(first);
    });
    return () => void (isCurrent = false);
  }, [code]);

  // Nobody reads an empty list: it may fill itself.
  const isEmptyAndStale = isStale && page.letters.length === 0;
  useEffect(() => {
    if (isEmptyAndStale) void attempt(reload);
  }, [isEmptyAndStale]);

  const more = async (): Promise<void> => {
    const older = await readPage({ limit: 50, before: page?.next });
    setPage({ ...older, letters: [...(page?.letters ?? []), ...older.letters] });
  };

  const replayOne = async (sequence: number): Promise<boolean> => {
    const step = await client.command<ReplayStep>('dead.replay', { sequence });
    say(replayText(step), step.failures > 0);
    await reload();
    return step.failures === 0;
  };

  const which = code === undefined ? 'every dead letter' : `every dead letter with the code ${code}`;
  const selection = code === undefined ? { all: true } : filter;

  const replayAll = async (): Promise<void> => {
    const text = `Sends ${which} back to where it came from. A message that is refused again becomes a dead letter again.`;
    if (!(await ask({ title: 'Replay', text, yes: 'Replay' }))) return;
    const steps = await inSteps((more_) =>
      client.command<ReplayStep>('dead.replay', { limit: longestPage, ...selection, ...more_ }),
    );
    const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
    const failures = sum(steps.map((step) => step.failures));
    const replayed = sum(steps.map((step) => step.replayed));
    say(replayText({ replayed, failures, failed: steps.flatMap(({ failed }) => failed) }), failures > 0);
    await reload();
  };

  const purgeAll = async (): Promise<void> => {
    const text = `Removes ${which} for good: the messages are lost.`;
    if (!(await ask({ title: 'Purge', text, yes: 'Purge', isDanger: true }))) return;
    type Step = { readonly purged: number; readonly next: number | null; readonly until: number | null };
    const limit = code === undefined ? {} : { limit: longestPage };
    const steps = await inSteps((more_) => client.command<Step>('dead.purge', { ...limit, ...selection, ...more_ }));
    say(`${numberText(steps.reduce((total, { purged }) => total + purged, 0))} purged`);
    await reload();
  };

  const columns: readonly Column<DeadLetterLine>[] = [
    { head: 'Sequence', kind: 'number', cell: ({ sequence }) => sequence },
    { head: 'Time', cell: ({ time }) => <TimeText time={time} /> },
    { head: 'Code', kind: 'code', cell: ({ code: own }) => <bdi class="bad">{own}</bdi> },
    { head: 'Reason', kind: 'reason', cell: ({ reason }) => <bdi>{reason}</bdi> },
    { head: 'State or route', kind: 'code', cell: ({ stateId, routeId }) => <bdi>{stateId ?? routeId ?? '–'}</bdi> },
    { head: 'From', kind: 'code', cell: ({ stream }) => <bdi>{stream}</bdi> },
    { head: 'Trace', cell: (letter) => <TraceLink letter={letter} /> },
    {
      head: 'Actions',
      kind: 'actions',
      cell: ({ sequence }) => (
        <>
          <a
            class="button"
            href={formatAddress({ view: 'dead', id: sequence, query: address.query })}
            aria-label={`Inspect dead letter ${sequence}`}
          >
            Inspect
          </a>
          <ActionButton label={`Replay dead letter ${sequence}`} onAction={() => replayOne(sequence)}>
            Replay
          </ActionButton>
        </>
      ),
    },
  ];

  const letters = page?.letters ?? [];
  const suffix = code === undefined ? '' : ` ${code}`;
  return (
    <section aria-labelledby="dead-title">
      <div class="head">
        <h2 id="dead-title">Dead letters</h2>
        {page !== undefined && page.total > 0 && (
          <span class="quiet">{`${numberText(letters.length)} of ${numberText(page.total)} shown`}</span>
        )}
        <span class="grow" />
        <SearchField
          label="Code"
          placeholder="all"
          value={code ?? ''}
          suggestions={[...new Set(letters.map((letter) => letter.code))].sort()}
          onValue={(value) => replaceAddress(formatAddress({ view: 'dead', query: { ...address.query, code: value } }))}
        />
        <ActionButton onAction={reload} kind={isStale ? 'primary' : undefined}>
          {isStale ? 'Refresh: the list has changed' : 'Refresh'}
        </ActionButton>
        <ActionButton onAction={replayAll} disabled={page?.total === 0}>{`Replay all${suffix}`}</ActionButton>
        <ActionButton
          onAction={purgeAll}
          disabled={page?.total === 0}
          kind="danger"
        >{`Purge all${suffix}`}</ActionButton>
      </div>
      <Table
        id="dead-table"
        caption="Dead letters, newest first"
        columns={columns}
        rows={letters}
        rowKey={({ sequence }) => String(sequence)}
        empty={
          page === undefined ? 'Loading …' : `No dead letters${code === undefined ? '' : ` with the code ${code}`}`
        }
      />
      {page !== undefined && page.next !== null && (
        <p>
          <ActionButton onAction={more}>Older ones</ActionButton>
        </p>
      )}
      {address.id !== undefined && (
        <DeadLetter key={address.id} sequence={Number(address.id)} query={address.query} onReplay={replayOne} />
      )}
    </section>
  );
};

/** Whether the stream holds others than the page was read from. */
const hasChanged = (page: LetterPage, summary: StoreStatus['deadLetters']): boolean =>
  summary.ok &&
  (summary.lastSequence > page.lastSequence ||
    (summary.lastSequence === page.lastSequence && summary.messages < page.total));
