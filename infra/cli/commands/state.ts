import type { RepairResult } from '../../../shared/postgres/repair.ts';
import type { StateReport } from '../../../shared/postgres/inspect-state.ts';
import { callManage } from '../call-manage.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';
import { tableOr } from '../output.ts';
import { flagValue, integerValue, textValue } from '../values.ts';

interface StateLine {
  readonly id: string;
  readonly name: string | null;
  readonly rows: number;
  readonly columns: number;
}

const list: CliCommand = {
  name: 'state list',
  summary: 'List states with their rows and columns',
  usage: '[--search TEXT] [--limit N]',
  options: {
    search: { type: 'string', value: 'TEXT', help: 'Only those with this in their id or name' },
    after: { type: 'string', value: 'ID', help: 'Those behind this id (the next page)' },
    limit: { type: 'string', value: 'N', help: 'At most so many (default 50)' },
    names: { type: 'boolean', help: 'Only their names, or ids without one, a line each' },
  },
  examples: ['state-sync state list', 'state-sync state list --search orders'],
  positionals: { min: 0, max: 0 },
  run: async ({ store, output, values }) => {
    const result = await callManage<{ states: readonly StateLine[]; next: string | null }>(store, {
      command: 'state.list',
      search: textValue(values, 'search'),
      after: textValue(values, 'after'),
      limit: integerValue(values, 'limit', { min: 1, max: 500 }),
    });
    if (flagValue(values, 'names') && !output.isJson) {
      for (const { id, name } of result.states) await output.item(null, () => name ?? id);
      return exitCodes.ok;
    }
    await output.result(result, () => [
      ...tableOr(
        'no states',
        ['state', 'name', 'rows', 'columns'],
        result.states.map(({ id, name, rows, columns }) => [id, name, rows, columns]),
      ),
      ...(result.next === null ? [] : [`more: state-sync state list --after ${result.next}`]),
    ]);
    return exitCodes.ok;
  },
};

interface ShownState {
  readonly id: string;
  readonly count: number;
  readonly stateType: string;
  readonly properties: unknown;
  readonly columns: readonly { readonly name: string; readonly dataType: string; readonly value: string | null }[];
  readonly primaryKey: readonly { readonly name: string }[];
  readonly forwardRoutes: readonly { readonly id: string }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

const show: CliCommand = {
  name: 'state show',
  summary: 'Show a state: columns, keys, routes behind it, and some of its rows',
  usage: '<state> [--offset N] [--limit N]',
  options: {
    offset: { type: 'string', value: 'N', help: 'First row (default 0)' },
    limit: { type: 'string', value: 'N', help: 'Rows (default 10, at most 200)' },
  },
  examples: ['state-sync state show 6f1c', 'state-sync state show 6f1c --offset 1000 --limit 5'],
  positionals: { min: 1, max: 1 },
  run: async ({ store, output, values, positionals }) => {
    const state = await callManage<ShownState>(store, {
      command: 'state.show',
      state_id: positionals[0],
      offset: integerValue(values, 'offset', { min: 0, max: 2_147_483_647 }),
      limit: integerValue(values, 'limit', { min: 0, max: 200 }) ?? 10,
    });
    const names = (items: readonly { readonly name: string }[]): string => items.map(({ name }) => name).join(', ');
    await output.result(state, () => [
      `state ${state.id}, ${state.stateType}, ${state.count} rows`,
      `primary key: ${names(state.primaryKey) || 'none'}`,
      `properties: ${JSON.stringify(state.properties)}`,
      `forwards to: ${state.forwardRoutes.map(({ id }) => id).join(', ') || 'nobody'}`,
      '',
      ...tableOr(
        'no columns',
        ['column', 'type', 'value'],
        state.columns.map(({ name, dataType, value }) => [name, dataType, value]),
      ),
      '',
      ...tableOr(
        'no rows here',
        state.columns.map(({ name }) => name),
        state.rows,
      ),
    ]);
    return exitCodes.ok;
  },
};

const shownLost = 5;

/** What `repair` mends of it; the rest only a producer can. */
const isMendable = (report: StateReport): boolean =>
  report.count !== report.nextPosition || report.gapPositions > 0 || report.missingMappings > 0;

/** What can be done about lost rows: they cannot be told from anything that is still stored. */
const lostAdvice =
  'what is lost cannot be mended from here: publish those rows again (infra/migration.md says how to find them)';

/** What is wrong with a state, in words; empty if nothing is. */
const findingsOf = (report: StateReport): readonly string[] => [
  ...(report.count === report.nextPosition
    ? []
    : [`count is ${report.count}, the next free position is ${report.nextPosition}`]),
  ...(report.positionsBeyondCount === 0 ? [] : [`${report.positionsBeyondCount} positions have cells beyond count`]),
  ...(report.gapPositions === 0
    ? []
    : [
        `${report.gapPositions} positions have no cell: ${report.gaps
          .slice(0, 5)
          .map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`))
          .join(', ')}${report.gaps.length > 5 ? ', ...' : ''}`,
      ]),
  ...(report.missingMappings === 0 ? [] : [`${report.missingMappings} rows have no mapping of their key`]),
  ...(report.strayMappings === report.lostRows
    ? []
    : [`${report.strayMappings - report.lostRows} mappings name another position than their row has: no reader minds`]),
  ...(report.lostRows === 0
    ? []
    : [
        `${report.lostRows} ${report.lostRows === 1 ? 'row is' : 'rows are'} lost: a writer without a lock put another row in that place, and the mapping is the only trace`,
        ...report.lost
          .slice(0, shownLost)
          .map(({ stateKey, position }) => `  key ${stateKey} was at position ${position}`),
        ...(report.lostRows > shownLost
          ? [`  and ${report.lostRows - shownLost} more (--json has the first 100)`]
          : []),
      ]),
];

const verify: CliCommand = {
  name: 'state verify',
  summary: 'Look for what other writers left behind: count drift, gaps, missing mappings',
  usage: '[<state>]',
  options: {},
  examples: ['state-sync state verify 6f1c', 'state-sync state verify   # every state, counts only'],
  positionals: { min: 0, max: 1 },
  run: async ({ store, output, positionals, io }) => {
    const [stateId] = positionals;
    if (stateId !== undefined) {
      const { report } = await callManage<{ report: StateReport }>(store, {
        command: 'repair.find',
        state_id: stateId,
      });
      const findings = findingsOf(report);
      await output.result({ report, findings }, () =>
        findings.length === 0
          ? [`state ${stateId} is right: ${report.count} rows`]
          : [
              ...findings,
              ...(isMendable(report) ? [`mend it with: state-sync state repair ${stateId} --apply`] : []),
              ...(report.lostRows === 0 ? [] : [lostAdvice]),
            ],
      );
      return findings.length === 0 ? exitCodes.ok : exitCodes.failed;
    }
    let after: string | undefined;
    let found = 0;
    do {
      const page: {
        drifted: readonly { stateId: string; count: number; nextPosition: number }[];
        next: string | null;
      } = await callManage(store, { command: 'repair.find', after });
      for (const drifted of page.drifted) {
        found += 1;
        await output.item(
          drifted,
          () => `${drifted.stateId}: count is ${drifted.count}, the next free position is ${drifted.nextPosition}`,
        );
      }
      after = page.next ?? undefined;
    } while (after !== undefined && !io.signal.aborted);
    if (found === 0 && !output.isJson) await output.item(null, () => 'the count of every state is right');
    return found === 0 ? exitCodes.ok : exitCodes.failed;
  },
};

const actionText = (action: RepairResult['actions'][number]): string => {
  if (action.action === 'close_gaps') return `close ${action.positions} gaps (rows above move down)`;
  if (action.action === 'insert_mappings') return `insert ${action.rows} mappings`;
  return `set count from ${action.from} to ${action.to}`;
};

const repair: CliCommand = {
  name: 'state repair',
  summary: 'Mend a state; without --apply it only says what it would do',
  usage: '<state> [--apply] [--keep-gaps]',
  options: {
    apply: { type: 'boolean', help: 'Do it, in one transaction' },
    'keep-gaps': { type: 'boolean', help: 'Leave empty positions as they are' },
  },
  examples: ['state-sync state repair 6f1c', 'state-sync state repair 6f1c --apply'],
  positionals: { min: 1, max: 1 },
  changes: (values) => flagValue(values, 'apply'),
  run: async ({ store, output, values, positionals }) => {
    const apply = flagValue(values, 'apply');
    const result = await callManage<RepairResult>(store, {
      command: 'repair.mend',
      state_id: positionals[0],
      apply,
      close_gaps: !flagValue(values, 'keep-gaps'),
    });
    await output.result(result, () =>
      result.actions.length === 0
        ? [
            `nothing to mend${result.report.lostRows === 0 ? '' : `: ${result.report.lostRows} rows are lost, ${lostAdvice}`}`,
          ]
        : [apply ? 'done:' : 'would do (say --apply):', ...result.actions.map((action) => `  ${actionText(action)}`)],
    );
    return exitCodes.ok;
  },
};

export const stateCommands: readonly CliCommand[] = [list, show, verify, repair];
