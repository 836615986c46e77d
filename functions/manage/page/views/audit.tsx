import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { AuditPage } from '../../../../shared/operate/commands/audit.ts';
import { formatAddress, type Address } from '../address.ts';
import { useDesk } from '../desk.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { TimeText } from '../parts/time-text.tsx';
import { replaceAddress } from '../use-address.ts';
import { numberText } from '../words.ts';

type Entry = AuditPage['entries'][number];

const actions = ['dead.replay', 'dead.edit', 'dead.purge', 'repair.mend', 'ledger.prune', 'pause', 'resume'] as const;

/** Who changed what, and how much; the newest first. */
export const Audit = ({ query }: { readonly query: Address['query'] }): JSX.Element => {
  const { client, attempt } = useDesk();
  const [page, setPage] = useState<AuditPage>();
  const { action } = query;
  const before = /^[1-9]\d{0,14}$/.test(query['before'] ?? '') ? Number(query['before']) : undefined;
  const read = async (): Promise<void> => setPage(await client.command<AuditPage>('audit', { action, before }));
  useEffect(() => void attempt(read), [action, before]);
  const go = (more: Readonly<Record<string, string | undefined>>): string =>
    formatAddress({ view: 'audit', query: { action, ...more } });
  return (
    <section aria-labelledby="audit-title">
      <div class="head">
        <h2 id="audit-title">Audit</h2>
        <span class="quiet">what operators changed, here and by the command line</span>
        <span class="grow" />
        <SearchField
          label="Action"
          placeholder="all"
          value={action ?? ''}
          suggestions={actions}
          onValue={(value) => replaceAddress(go({ action: value }))}
        />
        <ActionButton onAction={read}>Refresh</ActionButton>
      </div>
      <Table
        id="audit-table"
        caption="What operators changed, the newest first"
        columns={columns}
        rows={page?.entries ?? []}
        rowKey={({ id }) => String(id)}
        empty={page === undefined ? 'Loading …' : 'Nobody has changed anything'}
      />
      <div class="buttons">
        {before !== undefined && (
          <a class="button" href={go({})}>
            Newest
          </a>
        )}
        {page !== undefined && page.next !== null && (
          <a class="button" href={go({ before: String(page.next) })}>
            Older ones
          </a>
        )}
      </div>
    </section>
  );
};

const columns: readonly Column<Entry>[] = [
  { head: 'Time', cell: ({ time }) => <TimeText time={time} /> },
  { head: 'Who', cell: ({ actor }) => <bdi>{actor}</bdi> },
  { head: 'Action', kind: 'code', cell: ({ action }) => <bdi>{action}</bdi> },
  { head: 'How many', kind: 'number', cell: ({ affected }) => numberText(affected) },
  {
    head: 'Of what',
    kind: 'reason',
    cell: ({ target }) => (
      <bdi>
        {Object.entries(target)
          .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
          .join(', ')}
      </bdi>
    ),
  },
];
