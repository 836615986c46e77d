import { noLetter } from '../letter-history.ts';
import type { ManageCommand } from '../manage-context.ts';
import { sendEdited } from '../replay-dead-letters.ts';
import { openDeadLetters } from './dead-read.ts';

/** An editor is for people: whoever has more than this writes a program. */
const maxPayloadCharacters = 1_000_000;

/**
 * `dead.edit` {sequence, payload}: sends the payload where the dead letter came from, as a new message. It has an identity of its
 * own, so it is stored even if the old one was; a header names the old one. The dead letter is removed once the server has
 * confirmed the new message.
 */
export const deadEdit: ManageCommand = async (args, context) => {
  const sequence = args.optionalInteger('sequence', { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (sequence === undefined) args.fault('sequence is missing');
  const payload = args.document('payload', maxPayloadCharacters);
  args.check();
  const store = await openDeadLetters(context);
  const letter = await store.get(sequence ?? 0);
  if (letter === undefined) throw await noLetter(context, sequence ?? 0);
  return await sendEdited(context, store, letter, new TextEncoder().encode(payload));
};
