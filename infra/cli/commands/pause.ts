import { isOver, pauseKinds, type Pause } from '../../../shared/message/pause.ts';
import { callManage } from '../call-manage.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes, usageError } from '../cli-io.ts';
import { tableOr } from '../output.ts';
import { integerValue } from '../values.ts';

const usage = `<${pauseKinds.join('|')}> <name>`;

const kindOf = (positionals: readonly string[]): string => {
  const [kind = ''] = positionals;
  if (!(pauseKinds as readonly string[]).includes(kind)) throw usageError(`give one of ${pauseKinds.join(', ')}`);
  return kind;
};

const pause: CliCommand = {
  name: 'pause',
  summary: 'Hold back a durable, a function, a state or a route; nothing is lost, and it stays so over restarts',
  usage: `${usage} [--minutes N]`,
  options: { minutes: { type: 'string', value: 'N', help: 'It goes on by itself after so long' } },
  examples: ['state-sync pause state orders --minutes 30', 'state-sync pause function state-entry'],
  positionals: { min: 2, max: 2 },
  changes: () => true,
  run: async ({ store, output, values, positionals }) => {
    const { paused } = await callManage<{ readonly paused: Pause }>(store, {
      command: 'pause',
      kind: kindOf(positionals),
      id: positionals[1],
      minutes: integerValue(values, 'minutes', { min: 1, max: 525_600 }),
    });
    await output.result({ paused }, () => [
      `${paused.kind} ${paused.name ?? paused.id} is paused ${endOf(paused)}`,
      `it goes on with: state-sync resume ${paused.kind} ${paused.id}`,
    ]);
    return exitCodes.ok;
  },
};

const resume: CliCommand = {
  name: 'resume',
  summary: 'Let go on what was paused',
  usage,
  options: {},
  examples: ['state-sync resume state orders'],
  positionals: { min: 2, max: 2 },
  changes: () => true,
  run: async ({ store, output, positionals }) => {
    const { resumed } = await callManage<{ readonly resumed: Pause }>(store, {
      command: 'resume',
      kind: kindOf(positionals),
      id: positionals[1],
    });
    await output.result({ resumed }, () => [`${resumed.kind} ${resumed.name ?? resumed.id} goes on`]);
    return exitCodes.ok;
  },
};

const list: CliCommand = {
  name: 'pauses',
  summary: 'What is paused, since when, until when, by whom',
  usage: '',
  options: {},
  examples: ['state-sync pauses'],
  positionals: { min: 0, max: 0 },
  run: async ({ store, output, io }) => {
    const result = await callManage<{ readonly pauses: readonly Pause[] }>(store, { command: 'pauses' });
    const pauses = result.pauses.filter((each) => !isOver(each, io.nowMs()));
    await output.result({ pauses }, () =>
      tableOr(
        'nothing is paused',
        ['what', 'name', 'since', 'until', 'by'],
        pauses.map(({ kind, id, name, sinceMs, untilMs, by }) => [
          kind,
          name ?? id,
          new Date(sinceMs).toISOString(),
          untilMs === null ? 'resumed' : new Date(untilMs).toISOString(),
          by,
        ]),
      ),
    );
    return exitCodes.ok;
  },
};

const endOf = ({ untilMs }: Pause): string =>
  untilMs === null ? 'until it is resumed' : `until ${new Date(untilMs).toISOString()}`;

export const pauseCommands: readonly CliCommand[] = [pause, resume, list];
