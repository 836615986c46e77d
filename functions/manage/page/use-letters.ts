import { useEffect, useState } from 'preact/hooks';
import type { StoreStatus } from '../../../shared/operate/commands/status.ts';
import type { DeadLetterLine } from '../../../shared/operate/describe-dead-letter.ts';
import type { DeadLetterGroups } from '../../../shared/operate/group-dead-letters.ts';
import { useDesk } from './desk.ts';
import type { LetterFilter } from './letter-filter.ts';

export interface LetterPage {
  readonly total: number;
  readonly lastSequence: number;
  readonly letters: readonly DeadLetterLine[];
  readonly next: number | null;
}

export interface LetterGroups extends DeadLetterGroups {
  readonly scanned: number;
  readonly isComplete: boolean;
}

export interface Letters {
  /** Undefined until it is read. */
  readonly page: LetterPage | undefined;
  readonly groups: LetterGroups | undefined;
  /** Whether the stream holds others than were read. */
  readonly isStale: boolean;
  readonly reload: () => Promise<void>;
}

const pageSize = 50;

/** One page of dead letters and their groups. They stay as they were read until `reload`, so that a list never moves. */
export const useLetters = (
  filter: LetterFilter,
  before: number | undefined,
  summary: StoreStatus['deadLetters'],
): Letters => {
  const { client, attempt } = useDesk();
  const [page, setPage] = useState<LetterPage>();
  const [groups, setGroups] = useState<LetterGroups>();
  const key = JSON.stringify([filter, before]);

  const read = async (isWanted: () => boolean): Promise<void> => {
    const fields = { ...filter, limit: pageSize, ...(before === undefined ? {} : { before }) };
    const fresh = await client.command<LetterPage>('dead.list', fields);
    if (isWanted()) setPage(fresh);
    // Counting looks at many letters: the first page does not wait for it.
    const counted = await client.command<LetterGroups>('dead.groups', filter);
    if (isWanted()) setGroups(counted);
  };

  useEffect(() => {
    let isCurrent = true;
    void attempt(() => read(() => isCurrent));
    return () => void (isCurrent = false);
  }, [key]);

  const isStale = page !== undefined && hasChanged(page, summary);
  const reload = (): Promise<void> => read(() => true);
  // Nobody reads an empty list: it may fill itself.
  const isEmptyAndStale = isStale && page.letters.length === 0;
  useEffect(() => {
    if (isEmptyAndStale) void attempt(reload);
  }, [isEmptyAndStale]);

  return { page, groups, isStale, reload };
};

const hasChanged = (page: LetterPage, summary: StoreStatus['deadLetters']): boolean =>
  summary.ok &&
  (summary.lastSequence > page.lastSequence ||
    (summary.lastSequence === page.lastSequence && summary.messages < page.total));
