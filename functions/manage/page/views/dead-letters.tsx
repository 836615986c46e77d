import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { StoreStatus } from '../../../../shared/operate/commands/status.ts';
import type { DeadLetterLine } from '../../../../shared/operate/describe-dead-letter.ts';
import { formatAddress, type Address } from '../address.ts';
import { useDesk } from '../desk.ts';
import { filterOf, filterText, selectionOf, type LetterFilter } from '../letter-filter.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { LetterGroupTable } from '../parts/letter-groups.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { TimeText } from '../parts/time-text.tsx';
import { TraceLink } from '../parts/trace-link.tsx';
import { inSteps, replayText, sumSteps, type ReplayStep } from '../replay-steps.ts';
import { replaceQuery } from '../use-address.ts';
import { useLetters, type LetterGroups, type LetterPage } from '../use-letters.ts';
import { countText, numberText } from '../words.ts';
import { DeadLetter } from './dead-letter.tsx';

/** So many are replayed first, to see whether they come back. */
const canarySize = 10;
const stepSize = 500;
const rates = [10, 100] as const;
/** What is refused again is a dead letter again within this time, if its function is warm. */
const cameBackMs = 3_000;

/** What a replay did, and what came back of it. */
interface Replayed {
  readonly text: string;
  readonly cameBack: LetterGroups;
}

/** Dead letters: by reason, then one by one, newest first. What is done is done to the letters of the filter. */
export const DeadLetters = (props: {
  readonly address: Address;
  readonly summary: StoreStatus['deadLetters'];
}): JSX.Element => {
  const { client, say, ask } = useDesk();
  const { query } = props.address;
  const filter = filterOf(query);
  const before = query['before'] === undefined ? undefined : Number(query['before']);
  const { page, groups, isStale, reload } = useLetters(filter, before, props.summary);
  const [replayed, setReplayed] = useState<Replayed>();
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set());
  /** Letters per second; 0: as fast as it goes. */
  const [rate, setRate] = useState(0);
  const which = filterText(filter) === '' ? 'every dead letter' : `the dead letters with ${filterText(filter)}`;

  const replayOne = async (sequence: number): Promise<boolean> => {
    const step = await client.command<ReplayStep>('dead.replay', { sequence });
    say(replayText(step), step.failures > 0);
    await reload();
    return step.failures === 0;
  };

  /** @param limit undefined: all of them */
  const replay = async (limit: number | undefined): Promise<void> => {
    const many = limit === undefined ? which : `the oldest ${limit} of ${which.replace('every', 'the')}`;
    const text = `Sends ${many} back to where they came from. A message that is refused again becomes a dead letter again.`;
    if (!(await ask({ title: 'Replay', text, yes: 'Replay' }))) return;
    const { lastSequence } = await client.command<LetterPage>('dead.list', { limit: 1 });
    const request = (more: object): Promise<ReplayStep> =>
      client.command<ReplayStep>('dead.replay', {
        limit: limit ?? (rate === 0 ? stepSize : rate),
        ...selectionOf(filter),
        ...more,
      });
    const done = sumSteps(limit === undefined ? await inSteps(request, rate === 0 ? 0 : 1_000) : [await request({})]);
    say(replayText(done), done.failures > 0);
    await new Promise((resolve) => setTimeout(resolve, cameBackMs));
    const cameBack = await client.command<LetterGroups>('dead.groups', { after: lastSequence });
    setReplayed({ text: `${countText(done.replayed, 'dead letter')} replayed`, cameBack });
    await reload();
  };

  const purge = async (): Promise<void> => {
    const count = groups === undefined ? '' : ` (${countText(countOf(groups), 'letter')})`;
    const text = `Removes ${which}${count} for good: the messages are lost.`;
    if (!(await ask({ title: 'Purge', text, yes: 'Purge', isDanger: true }))) return;
    type Step = { readonly purged: number; readonly next: number | null; readonly until: number | null };
    const limit = 'all' in selectionOf(filter) ? {} : { limit: stepSize };
    const steps = await inSteps((more) =>
      client.command<Step>('dead.purge', { ...limit, ...selectionOf(filter), ...more }),
    );
    say(`${numberText(steps.reduce((total, { purged }) => total + purged, 0))} purged`);
    await reload();
  };

  const letters = page?.letters ?? [];
  // What has left the list is not meant any more.
  const chosen = letters.map(({ sequence }) => sequence).filter((sequence) => selected.has(sequence));
  const choose = (sequences: readonly number[], isChosen: boolean): void =>
    setSelected((before) => {
      const next = new Set(before);
      for (const sequence of sequences) {
        if (isChosen) next.add(sequence);
        else next.delete(sequence);
      }
      return next;
    });

  const replayChosen = async (): Promise<void> => {
    const text = `Sends ${countText(chosen.length, 'dead letter')} back to where they came from.`;
    if (!(await ask({ title: 'Replay', text, yes: 'Replay' }))) return;
    const done = await client.command<ReplayStep>('dead.replay', { sequences: chosen.toReversed() });
    say(replayText(done), done.failures > 0);
    setSelected(new Set());
    await reload();
  };

  const deleteChosen = async (): Promise<void> => {
    const text = `Removes ${countText(chosen.length, 'dead letter')} for good: the messages are lost.`;
    if (!(await ask({ title: 'Delete', text, yes: 'Delete', isDanger: true }))) return;
    const { purged } = await client.command<{ readonly purged: number }>('dead.purge', { sequences: chosen });
    say(`${countText(purged, 'dead letter')} deleted`);
    setSelected(new Set());
    await reload();
  };

  const suffix = Object.keys(filter).length === 0 ? '' : ` ${filter.code ?? 'of the filter'}`;
  const isEmpty = page?.total === 0;
  return (
    <>
      {replayed !== undefined && <CameBack {...replayed} onClose={() => setReplayed(undefined)} />}
      <section aria-labelledby="dead-title">
        <div class="head">
          <h2 id="dead-title">Dead letters</h2>
          {page !== undefined && page.total > 0 && <span class="quiet">{`${numberText(page.total)} in all`}</span>}
          <span class="grow" />
          <Filter filter={filter} codes={codesOf(groups)} />
          <ActionButton onAction={reload} kind={isStale ? 'primary' : undefined}>
            {isStale ? 'Refresh: the list has changed' : 'Refresh'}
          </ActionButton>
        </div>
        <div class="buttons">
          <ActionButton onAction={() => replay(canarySize)} disabled={isEmpty}>
            {`Replay ${canarySize} first`}
          </ActionButton>
          <ActionButton onAction={() => replay(undefined)} disabled={isEmpty}>{`Replay all${suffix}`}</ActionButton>
          <ActionButton onAction={purge} disabled={isEmpty} kind="danger">{`Purge all${suffix}`}</ActionButton>
          <span class="grow" />
          <label for="rate">Replay</label>
          <select id="rate" value={String(rate)} onChange={({ currentTarget }) => setRate(Number(currentTarget.value))}>
            <option value="0">as fast as it goes</option>
            {rates.map((perSecond) => (
              <option key={perSecond} value={String(perSecond)}>
                {`${perSecond} per second`}
              </option>
            ))}
          </select>
        </div>
        {groups !== undefined && groups.groups.length > 1 && <LetterGroupTable id="groups-table" groups={groups} />}
      </section>
      <section aria-labelledby="letters-title">
        <div class="head">
          <h2 id="letters-title">Letters, newest first</h2>
          <span class="grow" />
          {letters.length > 0 && (
            <>
              <span class="quiet">{`${numberText(chosen.length)} selected`}</span>
              <button
                type="button"
                onClick={() =>
                  choose(
                    letters.map(({ sequence }) => sequence),
                    chosen.length < letters.length,
                  )
                }
              >
                {chosen.length < letters.length ? 'Select page' : 'Select none'}
              </button>
              <ActionButton onAction={replayChosen} disabled={chosen.length === 0}>
                Replay selected
              </ActionButton>
              <ActionButton onAction={deleteChosen} disabled={chosen.length === 0} kind="danger">
                Delete selected
              </ActionButton>
            </>
          )}
        </div>
        <Table
          id="dead-table"
          caption="Dead letters, newest first"
          columns={columnsOf(query, replayOne, { selected, choose })}
          rows={letters}
          rowKey={({ sequence }) => String(sequence)}
          empty={page === undefined ? 'Loading …' : emptyText(filter)}
        />
        <div class="buttons">
          {before !== undefined && (
            <a class="button" href={formatAddress({ view: 'dead', query: filter })}>
              Newest
            </a>
          )}
          {page !== undefined && page.next !== null && (
            <a class="button" href={formatAddress({ view: 'dead', query: { ...filter, before: String(page.next) } })}>
              Older ones
            </a>
          )}
        </div>
      </section>
      {props.address.id !== undefined && (
        <DeadLetter
          key={props.address.id}
          sequence={Number(props.address.id)}
          query={query}
          letters={letters}
          onReplay={replayOne}
          onChange={reload}
        />
      )}
    </>
  );
};

const emptyText = (filter: LetterFilter): string =>
  filterText(filter) === '' ? 'No dead letters' : `No dead letters with ${filterText(filter)}`;

const countOf = ({ groups, others }: LetterGroups): number =>
  groups.reduce((total, { count }) => total + count, others);

const codesOf = (groups: LetterGroups | undefined): readonly string[] =>
  [...new Set((groups?.groups ?? []).map(({ code }) => code))].sort();

/** The two fields that are typed into most; the others are behind a word. What the address asks for is said, and can be left. */
const Filter = (props: { readonly filter: LetterFilter; readonly codes: readonly string[] }): JSX.Element => {
  const { code, text, ...further } = props.filter;
  return (
    <>
      <SearchField
        label="Code"
        placeholder="all"
        value={code ?? ''}
        suggestions={props.codes}
        onValue={(value) => replaceQuery({ code: value })}
      />
      <SearchField
        label="Text in the payload"
        placeholder="any"
        value={text ?? ''}
        onValue={(value) => replaceQuery({ text: value })}
      />
      <details class="more">
        <summary>More filters</summary>
        <div class="buttons">
          {furtherFields.map(({ name, label, placeholder }) => (
            <SearchField
              key={name}
              label={label}
              placeholder={placeholder}
              value={further[name] ?? ''}
              onValue={(value) => replaceQuery({ [name]: value })}
            />
          ))}
        </div>
      </details>
      {Object.keys(further).length > 0 && (
        <span>
          <bdi class="quiet">{filterText(further)}</bdi> <a href={formatAddress({ view: 'dead' })}>Show all</a>
        </span>
      )}
    </>
  );
};

const furtherFields = [
  { name: 'state_id', label: 'State', placeholder: 'id' },
  { name: 'route_id', label: 'Route', placeholder: 'id' },
  { name: 'stream', label: 'Stream', placeholder: 'processor_state_sync' },
  { name: 'from', label: 'From', placeholder: '2026-01-31T12:00' },
  { name: 'to', label: 'Before', placeholder: '2026-01-31T13:00' },
] as const;

const CameBack = ({ text, cameBack, onClose }: Replayed & { readonly onClose: () => void }): JSX.Element => {
  const count = countOf(cameBack);
  return (
    <section aria-labelledby="came-back-title">
      <div class="head">
        <h2 id="came-back-title">{`${text}: ${count === 0 ? 'none has' : `${numberText(count)} ${count === 1 ? 'has' : 'have'}`} come back`}</h2>
        <span class="grow" />
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      {count > 0 && <LetterGroupTable id="came-back-table" groups={cameBack} />}
    </section>
  );
};

const columnsOf = (
  query: Address['query'],
  replayOne: (sequence: number) => Promise<boolean>,
  selection: {
    readonly selected: ReadonlySet<number>;
    readonly choose: (sequences: readonly number[], isChosen: boolean) => void;
  },
): readonly Column<DeadLetterLine>[] => [
  {
    head: 'Sequence',
    cell: ({ sequence }) => (
      <label>
        <input
          type="checkbox"
          aria-label={`Select dead letter ${sequence}`}
          checked={selection.selected.has(sequence)}
          onChange={({ currentTarget: { checked } }) => selection.choose([sequence], checked)}
        />
        {` ${sequence}`}
      </label>
    ),
  },
  { head: 'Time', cell: ({ time }) => <TimeText time={time} /> },
  { head: 'Code', kind: 'code', cell: ({ code }) => <bdi class="bad">{code}</bdi> },
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
          href={formatAddress({ view: 'dead', id: sequence, query })}
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
