import type { Desk } from './desk.ts';
import { actionText, findingTexts, type RepairAction, type StateReport } from './repair-words.ts';

/** What is wrong with a state, one text for each finding. */
export const checkState = async ({ client }: Desk, id: string): Promise<readonly string[]> => {
  const { report } = await client.command<{ readonly report: StateReport }>('repair.find', { state_id: id });
  return findingTexts(report);
};

/** Repairs a state after a question; whether it was. A dry run comes first: what would be done is what is asked about. */
export const repairState = async ({ client, say, ask }: Desk, id: string): Promise<boolean> => {
  type Repaired = { readonly actions: readonly RepairAction[] };
  const dry = await client.command<Repaired>('repair.mend', { state_id: id });
  if (dry.actions.length === 0) {
    say('There is nothing to repair.');
    return false;
  }
  const text = `In one transaction: ${dry.actions.map(actionText).join('; ')}.`;
  if (!(await ask({ title: `Repair state ${id}`, text, yes: 'Repair' }))) return false;
  const done = await client.command<Repaired>('repair.mend', { state_id: id, apply: true });
  say(`Repaired: ${done.actions.map(actionText).join('; ')}.`);
  return true;
};
