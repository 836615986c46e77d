import type { JSX } from 'preact';
import { useDesk } from '../desk.ts';
import type { CacheCounts, LiveStatus } from '../live-status.ts';
import { countOutcomes, type OutcomeCount } from '../outcome-counts.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { countText, numberText } from '../words.ts';

const outcomeWords: Readonly<Record<string, { readonly text: string; readonly level: string }>> = {
  ack: { text: 'stored', level: 'good' },
  retry: { text: 'tried again', level: 'warn' },
  reject: { text: 'refused', level: 'bad' },
};

const outcomeColumns: readonly Column<OutcomeCount>[] = [
  { head: 'Function', cell: ({ functionName }) => functionName },
  {
    head: 'Outcome',
    cell: ({ outcome }) => <span class={outcomeWords[outcome]?.level}>{outcomeWords[outcome]?.text ?? outcome}</span>,
  },
  { head: 'Code', kind: 'code', cell: ({ code }) => code || '–' },
  { head: 'Messages', kind: 'number', cell: ({ count }) => numberText(count) },
];

interface CacheLine extends CacheCounts {
  readonly functionName: string;
  readonly replica: string;
  readonly cache: string;
}

const cacheColumns: readonly Column<CacheLine>[] = [
  { head: 'Function', cell: ({ functionName }) => functionName },
  { head: 'Replica', kind: 'code', cell: ({ replica }) => <bdi>{replica}</bdi> },
  { head: 'Cache', cell: ({ cache }) => cache },
  { head: 'Entries', kind: 'number', cell: ({ entries }) => numberText(entries) },
  { head: 'Hits', kind: 'number', cell: ({ hits }) => numberText(hits) },
  { head: 'Misses', kind: 'number', cell: ({ misses }) => numberText(misses) },
  {
    head: 'Hit rate',
    kind: 'number',
    cell: ({ hits, misses }) => (hits + misses === 0 ? '–' : `${Math.round((hits / (hits + misses)) * 100)} %`),
  },
];

/** What the warm replicas say of themselves: outcomes since they started, and the metadata that they keep. */
export const Replicas = ({ status }: { readonly status: LiveStatus }): JSX.Element => {
  const { client, say } = useDesk();
  const clear = async (): Promise<void> => {
    const { answered } = await client.command<{ readonly answered: number }>('cache.invalidate', { all: true });
    say(
      answered === 0
        ? 'No replica is warm: nothing was cached.'
        : `${countText(answered, 'replica')} cleared ${answered === 1 ? 'its' : 'their'} cache.`,
    );
  };
  return (
    <>
      <section aria-labelledby="outcomes-title">
        <div class="head">
          <h2 id="outcomes-title">Outcomes</h2>
          <span class="quiet">of the replicas that are warm, since they started</span>
        </div>
        <Table
          id="outcomes-table"
          caption="Outcomes by function and code"
          columns={outcomeColumns}
          rows={countOutcomes(status.metrics.map(({ text = '' }) => text))}
          rowKey={({ functionName, outcome, code }) => `${functionName} ${outcome} ${code}`}
          empty="No replica is warm, or none has handled a message yet."
        />
      </section>
      <section aria-labelledby="cache-title">
        <div class="head">
          <h2 id="cache-title">Caches</h2>
          <span class="quiet">metadata that warm replicas keep</span>
          <span class="grow" />
          <ActionButton onAction={clear}>Clear cache</ActionButton>
        </div>
        <Table
          id="cache-table"
          caption="Caches of the warm replicas"
          columns={cacheColumns}
          rows={cacheLines(status)}
          rowKey={cacheKey}
          empty="No replica is warm: nothing is cached."
        />
      </section>
    </>
  );
};

const cacheLines = (status: LiveStatus): readonly CacheLine[] =>
  status.replicas
    .flatMap(({ function: functionName, replica = '', caches = {} }) =>
      Object.entries(caches).map(([cache, counts]) => ({ functionName, replica, cache, ...counts })),
    )
    .filter(({ entries, hits, misses }) => entries + hits + misses > 0)
    .sort((one, other) => (cacheKey(one) < cacheKey(other) ? -1 : 1));

const cacheKey = ({ functionName, replica, cache }: CacheLine): string => `${functionName} ${replica} ${cache}`;
