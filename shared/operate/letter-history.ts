import { readEditOfLetter, readLetterEdits, type LetterEdit } from '../postgres/letter-edits.ts';
import { CommandError } from './command-error.ts';
import type { ManageContext } from './manage-context.ts';
import { shownPayload } from './shown-payload.ts';

/** An edit as it is shown: the old content is that of `editedFrom`, the new one that of `identity`. */
export interface ShownEdit extends LetterEdit {
  readonly time: string;
  readonly before: string;
  readonly after: string;
}

/** The edits of messages, the newest first; none where the database cannot tell, for a letter is shown without it too. */
export const letterHistory = async (
  context: ManageContext,
  identities: readonly string[],
): Promise<readonly ShownEdit[]> => {
  try {
    const edits = await readLetterEdits(context.pool, identities);
    return edits.map((edit) => ({
      ...edit,
      before: shownPayload(edit.before).payload,
      after: shownPayload(edit.after).payload,
    }));
  } catch (error) {
    context.onError('read the edits of a dead letter', error);
    return [];
  }
};

/** The edit that replaced a dead letter which is not in its stream any more; undefined if none did, or the database cannot tell. */
export const editOfLetter = async (context: ManageContext, sequence: number): Promise<LetterEdit | undefined> => {
  try {
    return await readEditOfLetter(context.pool, sequence);
  } catch (error) {
    context.onError('read the edit of a dead letter', error);
    return undefined;
  }
};

/** What is said of a dead letter that is not there: where it went, if that is known. */
export const noLetter = async (context: ManageContext, sequence: number): Promise<CommandError> => {
  const edit = await editOfLetter(context, sequence);
  const where =
    edit === undefined
      ? ''
      : `: it was edited and sent again as ${edit.identity}, which \`trace ${edit.identity}\` follows`;
  return new CommandError(404, 'not_found', `there is no dead letter ${sequence}${where}`);
};
