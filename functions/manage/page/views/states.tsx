import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { formatAddress } from '../address.ts';
import { useDesk } from '../desk.ts';
import { Findings } from '../parts/findings.tsx';
import { checkState, repairState } from '../repair-state.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { driftText } from '../repair-words.ts';
import { replaceAddress } from '../use-address.ts';
import { countText, numberText } from '../words.ts';

interface StateLine {
  readonly id: string;
  readonly name: string | null;
  readonly rows: number;
  readonly columns: number;
}

interface StatePage {
  readonly states: readonly StateLine[];
  readonly next: string | null;
}

interface Drifted {
  readonly drifted: readonly { readonly stateId: string; readonly count: number; readonly nextPosition: number }[];
  readonly next: string | null;
}

const pageSize = 25;
const refreshMs = 10_000;

/** The states with their rows; each can be checked and repaired. */
export const States = ({ search }: { readonly search: string }): JSX.Element => {
  const desk = useDesk();
  const { client, say, attempt } = desk;
  const [page, setPage] = useState<StatePage>();
  const [findings, setFindings] = useState<ReadonlyMap<string, readonly string[]>>(new Map());
  const filter = search === '' ? {} : { search };

  const readPage = (fields: Readonly<Record<string, unknown>>): Promise<StatePage> =>
    client.command<StatePage>('state.list', { limit: pageSize, ...fields });

  useEffect(() => {
    let isCurrent = true;
    void attempt(async () => {
      const first = await readPage(filter);
      if (isCurrent) setPage(first);
    });
    return () => void (isCurrent = false);
  }, [search]);

  // Rows and columns of the states that are shown, in place: a list that is read must not move.
  useEffect(() => {
    const shown = page?.states ?? [];
    if (shown.length === 0) return undefined;
    const timer = setTimeout(() => {
      readPage({ ...filter, limit: Math.min(500, shown.length) }).then(
        ({ states }) => {
          const fresh = new Map(states.map((state) => [state.id, state]));
          setPage((now) => now && { ...now, states: now.states.map((state) => fresh.get(state.id) ?? state) });
        },
        // One look that fails is made up for by the next; the health line says why it failed.
        () => setPage((now) => now && { ...now }),
      );
    }, refreshMs);
    return () => clearTimeout(timer);
  }, [page, search]);

  const more = async (): Promise<void> => {
    const further = await readPage({ ...filter, after: page?.next });
    setPage({ states: [...(page?.states ?? []), ...further.states], next: further.next });
  };

  const check = async (id: string): Promise<void> => {
    const found = await checkState(desk, id);
    setFindings((before) => new Map(before).set(id, found));
  };

  const repair = async (id: string): Promise<void> => {
    if (!(await repairState(desk, id))) return;
    await check(id);
    const { states } = await readPage({ search: id, limit: 1 });
    setPage(
      (now) => now && { ...now, states: now.states.map((state) => (state.id === id ? (states[0] ?? state) : state)) },
    );
  };

  const findDrifted = async (): Promise<void> => {
    const { drifted, next } = await client.command<Drifted>('repair.find', { limit: 100 });
    if (drifted.length === 0) return say('The count of every state is right.');
    setFindings((before) => new Map([...before, ...drifted.map((one) => [one.stateId, [driftText(one)]] as const)]));
    const found = await Promise.all(
      drifted.slice(0, pageSize).map(({ stateId }) => readPage({ search: stateId, limit: 1 })),
    );
    say(`The count of ${countText(drifted.length, 'state')}${next === null ? '' : ' or more'} is wrong.`, true);
    setPage({ states: found.flatMap(({ states }) => states), next: null });
    return undefined;
  };

  const columns: readonly Column<StateLine>[] = [
    {
      head: 'State',
      kind: 'code',
      cell: ({ id }) => (
        <a href={formatAddress({ view: 'states', id })}>
          <bdi>{id}</bdi>
        </a>
      ),
    },
    { head: 'Name', cell: ({ name }) => <bdi>{name ?? '–'}</bdi> },
    { head: 'Rows', kind: 'number', cell: ({ rows }) => numberText(rows) },
    { head: 'Columns', kind: 'number', cell: ({ columns: count }) => numberText(count) },
    { head: 'Findings', cell: ({ id }) => <Findings findings={findings.get(id)} /> },
    {
      head: 'Actions',
      kind: 'actions',
      cell: ({ id }) => (
        <>
          <ActionButton label={`Check state ${id}`} onAction={() => check(id)}>
            Check
          </ActionButton>
          {(findings.get(id) ?? []).length > 0 && (
            <ActionButton label={`Repair state ${id}`} onAction={() => repair(id)}>
              Repair
            </ActionButton>
          )}
        </>
      ),
    },
  ];

  return (
    <section aria-labelledby="states-title">
      <div class="head">
        <h2 id="states-title">States</h2>
        <span class="grow" />
        <SearchField
          label="Search"
          placeholder="id or name"
          value={search}
          onValue={(value) => replaceAddress(formatAddress({ view: 'states', query: { search: value } }))}
        />
        <ActionButton onAction={findDrifted}>Find drifted</ActionButton>
      </div>
      <Table
        id="states-table"
        caption="States by their ids"
        columns={columns}
        rows={page?.states ?? []}
        rowKey={({ id }) => id}
        empty={page === undefined ? 'Loading …' : 'No states'}
      />
      {page !== undefined && page.next !== null && (
        <p>
          <ActionButton onAction={more}>More</ActionButton>
        </p>
      )}
    </section>
  );
};
