import type { ComponentChildren, JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface Column<Row> {
  readonly head: string;
  /** How its cells look: `number` is set to the right, `actions` has buttons. */
  readonly kind?: 'number' | 'code' | 'reason' | 'actions';
  readonly cell: (row: Row) => ComponentChildren;
}

export interface TableProps<Row> {
  readonly id: string;
  readonly caption: string;
  /** The first one is the head of its row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** Said in place of a table without rows. */
  readonly empty: ComponentChildren;
}

/**
 * A table that is a list of cards on a narrow screen. The style takes the table's layout away there, and with it what a
 * screen reader knows of tables: so the roles are written down.
 */
export const Table = <Row,>({ id, caption, columns, rows, rowKey, empty }: TableProps<Row>): JSX.Element => {
  const region = useRef<HTMLDivElement>(null);
  const hadFocus = useRef(false);
  useLayoutEffect(() => {
    // The control that had the focus has left with its row.
    if (hadFocus.current && document.activeElement === document.body) region.current?.focus();
    hadFocus.current = region.current?.contains(document.activeElement) ?? false;
  });
  if (rows.length === 0) return <p class="quiet empty">{empty}</p>;
  const [first, ...others] = columns;
  return (
    <div
      class="scroll"
      role="region"
      aria-label={caption}
      tabIndex={0}
      ref={region}
      onFocusIn={() => void (hadFocus.current = true)}
      onFocusOut={(event) => void (hadFocus.current = event.relatedTarget !== null)}
    >
      <table id={id} role="table">
        <caption>{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ head, kind }) => (
              <th key={head} scope="col" role="columnheader" class={kind}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={rowKey(row)} role="row">
              <th scope="row" role="rowheader" class={first?.kind} data-label={first?.head}>
                {first?.cell(row)}
              </th>
              {others.map(({ head, kind, cell }) => (
                <td key={head} role="cell" class={kind} data-label={kind === 'actions' ? undefined : head}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};
