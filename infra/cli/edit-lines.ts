import type { ShownEdit } from '../../shared/operate/letter-history.ts';

/** What a dead letter was before it was edited, and what was sent in its place. */
export const editLines = (edit: ShownEdit): readonly string[] => [
  `dead letter ${edit.sequence} was edited at ${edit.time} by ${edit.actor}`,
  `  ${edit.code}: ${edit.reason}`,
  `  before, ${edit.editedFrom}`,
  edit.before,
  `  after, ${edit.identity}`,
  edit.after,
];
