/**
 * The commands that the audit log tells of, each with how much it did by its result; undefined: it only said what it would do.
 * What is not in here changes nothing that is kept.
 */
export const auditedCommands: Readonly<Record<string, (result: never) => number | undefined>> = {
  'dead.replay': ({ replayed }: { readonly replayed: number }) => replayed,
  'dead.edit': ({ replayed }: { readonly replayed: number }) => replayed,
  'dead.purge': ({ purged }: { readonly purged: number }) => purged,
  'repair.mend': ({ applied, actions }: { readonly applied: boolean; readonly actions: readonly unknown[] }) =>
    applied ? actions.length : undefined,
  'state.create': () => 1,
  pause: () => 1,
  resume: () => 1,
  'ledger.prune': ({ removed }: { readonly removed: number }) => removed,
};
