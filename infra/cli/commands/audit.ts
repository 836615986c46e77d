import type { AuditPage } from '../../../shared/operate/commands/audit.ts';
import { callManage } from '../call-manage.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';
import { tableOr } from '../output.ts';
import { integerValue, textValue } from '../values.ts';

export const audit: CliCommand = {
  name: 'audit',
  summary: 'Who replayed, purged, edited, repaired or paused what, and when',
  usage: '[--action COMMAND] [--limit N] [--before ID]',
  options: {
    action: { type: 'string', value: 'COMMAND', help: 'Only these, such as dead.purge' },
    limit: { type: 'string', value: 'N', help: 'At most so many (default 50)' },
    before: { type: 'string', value: 'ID', help: 'Those before this one (the next page)' },
  },
  examples: ['state-sync audit', 'state-sync audit --action dead.purge --json'],
  positionals: { min: 0, max: 0 },
  run: async ({ store, output, values }) => {
    const page = await callManage<AuditPage>(store, {
      command: 'audit',
      action: textValue(values, 'action'),
      limit: integerValue(values, 'limit', { min: 1, max: 500 }),
      before: integerValue(values, 'before', { min: 1, max: 999_999_999_999_999 }),
    });
    await output.result(page, () => [
      ...tableOr(
        'nothing was done yet',
        ['id', 'time', 'who', 'what', 'how many', 'to what'],
        page.entries.map(({ id, time, actor, action, affected, target }) => [
          id,
          time,
          actor,
          action,
          affected,
          JSON.stringify(target),
        ]),
      ),
      ...(page.next === null ? [] : [`more: state-sync audit --before ${page.next}`]),
    ]);
    return exitCodes.ok;
  },
};
