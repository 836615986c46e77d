import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { formatAddress } from '../address.ts';
import { useDesk } from '../desk.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { actionText, driftText, findingTexts, type RepairAction, type StateReport } from '../repair-words.ts';
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
  const { client, say, ask, attempt } = useDesk();
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
    const { report } = await client.command<{ readonly report: StateReport }>('repair.find', { state_id: id });
    setFindings((before) => new Map(before).set(id, findingTexts(report)));
  };

  /** A dry run first: what would be done is what is asked about. */
  const repair = async (id: string): Promise<void> => {
    type Repaired = { readonly actions: readonly RepairAction[] };
    const dry = await client.command<Repaired>('repair.mend', { state_id: id });
    if (dry.actions.length === 0) return say('There is nothing to repair.');
    const text = `In one transaction: ${dry.actions.map(actionText).join('; ')}.`;
    if (!(await ask({ title: `Repair state ${id}`, text, yes: 'Repair' }))) return undefined;
    const done = await client.command<Repaired>('repair.mend', { state_id: id, apply: true });
    say(`Repaired: ${done.actions.map(actionText).join('; ')}.`);
    await check(id);
    const { states } = await readPage({ search: id, limit: 1 });
    setPage(
      (now) => now && { ...now, states: now.states.map((state) => (state.id === id ? (states[0] ?? state) : state)) },
    );
    return undefined;
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
    { head: 'State', kind: 'code', cell: ({ id }) => <bdi>{id}</bdi> },
    { head: 'Name', cell: ({ name }) => <bdi>{name ?? '–'}</bdi> },
    { head: 'Rows', kind: 'number', cell: ({ rows }) => numberText(rows) },
    { head: 'Columns', kind: 'number', cell: ({ columns: count }) => numberText(count) },
    { head: 'Findings', cell: ({ id }) => findingsText(findings.get(id)) },
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

const findingsText = (findings: readonly string[] | undefined): ComponentChildren => {
  if (findings === undefined) return <span class="quiet">not checked</span>;
  if (findings.length === 0) return <span class="good">No faults</span>;
  return (
    <ul class="findings warn">
      {findings.map((finding) => (
        <li key={finding}>{finding}</li>
      ))}
    </ul>
  );
};
