import { callManage } from '../call-manage.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';
import { createProgressBar } from '../progress-bar.ts';
import { integerValue } from '../values.ts';

interface Pruned {
  readonly removed: number;
  readonly older_than_hours: number;
  readonly complete: boolean;
}

export const ledgerPrune: CliCommand = {
  name: 'ledger prune',
  summary: 'Remove ledger rows that no redelivery can ask for any more; takes no lock that an append waits for',
  usage: '[--hours N]',
  options: {
    hours: { type: 'string', value: 'N', help: 'Rows older than this (default STATE_SYNC_LEDGER_HOURS, 168)' },
  },
  examples: ['state-sync ledger prune', 'state-sync ledger prune --hours 720'],
  positionals: { min: 0, max: 0 },
  changes: () => true,
  run: async ({ store, io, output, values }) => {
    const hours = integerValue(values, 'hours', { min: 1, max: 87_600 });
    const bar = createProgressBar(io, 'removed', output.isJson);
    let removed = 0;
    let step: Pruned;
    do {
      step = await callManage<Pruned>(store, { command: 'ledger.prune', older_than_hours: hours });
      removed += step.removed;
      await bar.update(removed, undefined);
    } while (!step.complete && !io.signal.aborted);
    await bar.clear();
    await output.result({ removed, older_than_hours: step.older_than_hours, complete: step.complete }, () => [
      `${removed} rows older than ${step.older_than_hours} hours removed`,
    ]);
    return step.complete ? exitCodes.ok : exitCodes.failed;
  },
};
