import type { DeadLetterLine } from '../../../shared/operate/describe-dead-letter.ts';
import type { ReplayFailure } from '../../../shared/operate/replay-dead-letters.ts';
import { callManage } from '../call-manage.ts';
import type { CliCommand, CliContext, CliOption, CliValues } from '../cli-command.ts';
import { exitCodes, usageError } from '../cli-io.ts';
import { tableOr } from '../output.ts';
import { createProgressBar } from '../progress-bar.ts';
import { flagValue, integerValue, textValue } from '../values.ts';

const filterOptions: Readonly<Record<string, CliOption>> = {
  code: { type: 'string', value: 'CODE', help: 'Only those given up with this code' },
  stream: { type: 'string', value: 'NAME', help: 'Only those that came from this stream' },
  state: { type: 'string', value: 'ID', help: 'Only those that name this state' },
  route: { type: 'string', value: 'ID', help: 'Only those that name this route' },
};

const filterFields = (values: CliValues): Readonly<Record<string, unknown>> => ({
  code: textValue(values, 'code'),
  stream: textValue(values, 'stream'),
  state_id: textValue(values, 'state'),
  route_id: textValue(values, 'route'),
});

interface Page {
  readonly total: number;
  readonly letters: readonly DeadLetterLine[];
  readonly next: number | null;
}

const target = (letter: DeadLetterLine): string => letter.stateId ?? letter.routeId ?? '';

const list: CliCommand = {
  name: 'dead list',
  summary: 'List what was given up, newest first, with the reason',
  usage: '[--code CODE] [--limit N]',
  options: {
    ...filterOptions,
    limit: { type: 'string', value: 'N', help: 'At most so many (default 50)' },
  },
  examples: ['state-sync dead list', 'state-sync dead list --code unknown_state --json'],
  positionals: { min: 0, max: 0 },
  run: async ({ store, output, values }) => {
    const limit = integerValue(values, 'limit', { min: 1, max: 100_000 }) ?? 50;
    const letters: DeadLetterLine[] = [];
    let total = 0;
    let before: number | undefined;
    do {
      const page: Page = await callManage<Page>(store, {
        command: 'dead.list',
        limit: Math.min(500, limit - letters.length),
        before,
        ...filterFields(values),
      });
      letters.push(...page.letters);
      total = page.total;
      before = page.next ?? undefined;
    } while (before !== undefined && letters.length < limit);
    await output.result({ total, letters }, () => [
      ...tableOr(
        'no dead letters',
        ['sequence', 'time', 'code', 'stream', 'state or route', 'reason'],
        letters.map((letter) => [
          letter.sequence,
          letter.time,
          letter.code,
          letter.stream,
          target(letter),
          letter.reason,
        ]),
      ),
      ...(letters.length > 0 ? [`${letters.length} of ${total}; state-sync dead show SEQUENCE tells more`] : []),
    ]);
    return exitCodes.ok;
  },
};

const sequenceOf = (positionals: readonly string[]): number | undefined => {
  const [text] = positionals;
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw usageError(`${text} is not the sequence of a dead letter`);
  return Number(text);
};

type Shown = DeadLetterLine & {
  readonly headers: readonly (readonly [string, string])[];
  readonly payload: string;
  readonly payloadEncoding: string;
  readonly payloadIsCut: boolean;
};

const show: CliCommand = {
  name: 'dead show',
  summary: 'Show one dead letter: reason, headers, payload',
  usage: '<sequence>',
  options: {},
  examples: ['state-sync dead show 17', "state-sync dead show 17 --json | jq -r '.payload'"],
  positionals: { min: 1, max: 1 },
  run: async ({ store, output, positionals }) => {
    const letter = await callManage<Shown>(store, { command: 'dead.show', sequence: sequenceOf(positionals) });
    await output.result(letter, () => [
      `dead letter ${letter.sequence} of ${letter.time}`,
      `  code       ${letter.code}`,
      `  reason     ${letter.reason}`,
      `  from       ${letter.stream} ${letter.streamSequence ?? ''}, subject ${letter.subject}`,
      `  identity   ${letter.identity ?? ''}`,
      `  attempts   ${letter.attempts ?? 0}, deliveries ${letter.deliveryCount ?? 0}`,
      ...(letter.traceId === null ? [] : [`  trace      ${letter.traceUrl ?? letter.traceId}`]),
      '  headers',
      ...letter.headers.map(([name, value]) => `    ${name}: ${value}`),
      `  payload (${letter.bytes} bytes${letter.payloadEncoding === 'base64' ? ', as base64' : ''}${letter.payloadIsCut ? ', cut' : ''})`,
      letter.payload,
    ]);
    return exitCodes.ok;
  },
};

const selectOptions: Readonly<Record<string, CliOption>> = {
  ...filterOptions,
  all: { type: 'boolean', help: 'All that are there now' },
};

/** One by its sequence, those of a filter, or all. @throws CliError usage */
const selection = ({ values, positionals }: CliContext): Readonly<Record<string, unknown>> => {
  const sequence = sequenceOf(positionals);
  const filter = filterFields(values);
  const all = flagValue(values, 'all');
  const given = [sequence !== undefined, Object.values(filter).some((value) => value !== undefined), all];
  if (given.filter(Boolean).length !== 1) throw usageError('give one of: a sequence, a filter such as --code, --all');
  return { ...filter, sequence, ...(all ? { all } : {}) };
};

/** What `dead.replay` and `dead.purge` answer. */
interface Step {
  readonly next: number | null;
  readonly until: number | null;
  readonly replayed?: number;
  readonly failures?: number;
  readonly failed?: readonly ReplayFailure[];
  readonly purged?: number;
}

/** Repeats a command that goes on from `next`, with a bar; stops between two steps at Ctrl-C. */
const inSteps = async (
  context: CliContext,
  label: string,
  fields: Readonly<Record<string, unknown>>,
  take: (step: Step) => number,
): Promise<{ readonly isComplete: boolean }> => {
  const { store, io, output } = context;
  const bar = createProgressBar(io, label, output.isJson);
  const isSingle = fields['sequence'] !== undefined;
  const isAtOnce = isSingle || (fields['command'] === 'dead.purge' && fields['all'] === true);
  const total =
    isSingle || fields['all'] === undefined
      ? undefined
      : (await callManage<Page>(store, { command: 'dead.list', limit: 1 })).total;
  let done = 0;
  let step: Step | undefined;
  try {
    do {
      step = await callManage<Step>(store, {
        ...fields,
        ...(isAtOnce ? {} : { limit: 200, after: step?.next ?? 0, until: step?.until ?? undefined }),
      });
      done += take(step);
      await bar.update(done, total);
    } while (step.next !== null && !io.signal.aborted);
  } finally {
    await bar.clear();
  }
  return { isComplete: step.next === null };
};

const replay: CliCommand = {
  name: 'dead replay',
  summary: 'Send dead letters back to where they came from, each exactly once in effect',
  usage: '<sequence> | --code CODE | --all',
  options: selectOptions,
  examples: [
    'state-sync dead replay 17',
    'state-sync dead replay --code unknown_state',
    'state-sync dead replay --all',
  ],
  positionals: { min: 0, max: 1 },
  changes: () => true,
  run: async (context) => {
    const failed: ReplayFailure[] = [];
    let replayed = 0;
    let failures = 0;
    const { isComplete } = await inSteps(
      context,
      'replayed',
      { command: 'dead.replay', ...selection(context) },
      (step) => {
        const { replayed: sent = 0, failures: kept = 0, failed: listed = [] } = step;
        replayed += sent;
        failures += kept;
        failed.push(...listed.slice(0, 1_000 - failed.length));
        return sent + kept;
      },
    );
    await context.output.result({ replayed, failures, failed, complete: isComplete }, () => [
      `${replayed} replayed, ${failures} failed and kept${isComplete ? '' : '; interrupted, the rest is as it was'}`,
      ...failed.map(({ sequence, code, reason }) => `  ${sequence} ${code}: ${reason}`),
    ]);
    return failures === 0 && isComplete ? exitCodes.ok : exitCodes.failed;
  },
};

const purge: CliCommand = {
  name: 'dead purge',
  summary: 'Remove dead letters for good',
  usage: '<sequence> | --code CODE | --all  --yes',
  options: { ...selectOptions, yes: { type: 'boolean', help: 'Yes, they are lost then' } },
  examples: ['state-sync dead purge 17 --yes', 'state-sync dead purge --all --yes'],
  positionals: { min: 0, max: 1 },
  changes: () => true,
  run: async (context) => {
    const fields = selection(context);
    if (!flagValue(context.values, 'yes')) throw usageError('what is purged is lost: say --yes');
    let purged = 0;
    const { isComplete } = await inSteps(context, 'purged', { command: 'dead.purge', ...fields }, (step) => {
      const { purged: gone = 0 } = step;
      purged += gone;
      return gone;
    });
    await context.output.result({ purged, complete: isComplete }, () => [`${purged} purged`]);
    return isComplete ? exitCodes.ok : exitCodes.failed;
  },
};

export const deadCommands: readonly CliCommand[] = [list, show, replay, purge];
