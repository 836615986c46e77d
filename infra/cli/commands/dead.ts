import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeadLetterLine } from '../../../shared/operate/describe-dead-letter.ts';
import type { ReplayFailure, ReplayReport } from '../../../shared/operate/replay-dead-letters.ts';
import type { ShownEdit } from '../../../shared/operate/letter-history.ts';
import type { DeadLetterGroups } from '../../../shared/operate/group-dead-letters.ts';
import { awaitStored } from '../await-stored.ts';
import { callManage } from '../call-manage.ts';
import type { CliCommand, CliContext, CliOption } from '../cli-command.ts';
import { CliError, exitCodes, usageError, type CliIo } from '../cli-io.ts';
import { filterFields, filterOptions } from '../dead-filter.ts';
import { deadExport } from './dead-export.ts';
import { tableOr, type Line } from '../output.ts';
import { editLines } from '../edit-lines.ts';
import { createProgressBar } from '../progress-bar.ts';
import { flagValue, integerValue } from '../values.ts';

interface Page {
  readonly total: number;
  readonly lastSequence: number;
  readonly letters: readonly DeadLetterLine[];
  readonly next: number | null;
}

const target = (letter: DeadLetterLine): string => letter.stateId ?? letter.routeId ?? '';

const list: CliCommand = {
  name: 'dead list',
  summary: 'List what was given up, newest first, with the reason',
  usage: '[--code CODE] [--limit N] [--group]',
  options: {
    ...filterOptions,
    limit: { type: 'string', value: 'N', help: 'At most so many (default 50)' },
    before: { type: 'string', value: 'SEQUENCE', help: 'Those before this one (the next page)' },
    group: { type: 'boolean', short: 'g', help: 'By code, state or route, and reason, with counts' },
  },
  examples: [
    'state-sync dead list --group',
    'state-sync dead list --code unknown_state --json',
    'state-sync dead list --text order-17 --from 2026-01-31',
  ],
  positionals: { min: 0, max: 0 },
  run: async ({ store, output, values }) => {
    const filter = await filterFields(store, values);
    if (flagValue(values, 'group')) {
      const groups = await callManage<Groups>(store, { command: 'dead.groups', ...filter });
      await output.result(groups, () => groupLines(groups));
      return exitCodes.ok;
    }
    const limit = integerValue(values, 'limit', { min: 1, max: 100_000 }) ?? 50;
    const letters: DeadLetterLine[] = [];
    let total = 0;
    let before = integerValue(values, 'before', { min: 1, max: 999_999_999_999_999 });
    do {
      const page: Page = await callManage<Page>(store, {
        command: 'dead.list',
        limit: Math.min(500, limit - letters.length),
        before,
        ...filter,
      });
      letters.push(...page.letters);
      total = page.total;
      before = page.next ?? undefined;
    } while (before !== undefined && letters.length < limit);
    const next = before ?? null;
    await output.result({ total, letters, next }, () => [
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
      ...(next === null ? [] : [`older ones: --before ${next}`]),
    ]);
    return exitCodes.ok;
  },
};

interface Groups extends DeadLetterGroups {
  readonly total: number;
  readonly scanned: number;
  readonly isComplete: boolean;
}

const groupLines = ({ groups, others, scanned, total, isComplete }: Groups): readonly Line[] => [
  ...tableOr(
    'no dead letters',
    ['letters', 'code', 'state or route', 'first', 'last', 'reason'],
    groups.map((group) => [
      group.count,
      group.code,
      group.stateId ?? group.routeId ?? '',
      group.firstTime,
      group.lastTime,
      group.reason,
    ]),
  ),
  ...(others > 0 ? [`${others} letters of further groups`] : []),
  ...(isComplete ? [] : [`of the newest ${scanned} of ${total}`]),
];

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
  readonly edits: readonly ShownEdit[];
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
      ...letter.edits.flatMap(editLines),
    ]);
    return exitCodes.ok;
  },
};

const selectOptions: Readonly<Record<string, CliOption>> = {
  ...filterOptions,
  all: { type: 'boolean', help: 'All that are there now' },
};

/** One by its sequence, those of a filter, or all. @throws CliError usage */
const selection = async ({ store, values, positionals }: CliContext): Promise<Readonly<Record<string, unknown>>> => {
  const sequences = positionals.map((text) => sequenceOf([text]));
  const sequence = sequences.length === 1 ? sequences[0] : undefined;
  const filter = await filterFields(store, values);
  const all = flagValue(values, 'all');
  const given = [sequences.length > 0, Object.values(filter).some((value) => value !== undefined), all];
  if (given.filter(Boolean).length !== 1) throw usageError('give one of: sequences, a filter such as --code, --all');
  return { ...filter, sequence, ...(sequences.length > 1 ? { sequences } : {}), ...(all ? { all } : {}) };
};

/** What `dead.replay` and `dead.purge` answer. */
interface Step {
  readonly next: number | null;
  readonly until: number | null;
  readonly replayed?: number;
  readonly failures?: number;
  readonly failed?: readonly ReplayFailure[];
  readonly identities?: readonly string[];
  readonly purged?: number;
}

/** Repeats a command that goes on from `next`, with a bar; stops between two steps at Ctrl-C. */
const inSteps = async (
  context: CliContext,
  label: string,
  fields: Readonly<Record<string, unknown>>,
  take: (step: Step) => number,
  { limit = Infinity, perSecond }: Pace = {},
): Promise<{ readonly isComplete: boolean }> => {
  const { store, io, output } = context;
  const bar = createProgressBar(io, label, output.isJson);
  const isSingle = fields['sequence'] !== undefined || fields['sequences'] !== undefined;
  const isAtOnce = isSingle || (fields['command'] === 'dead.purge' && fields['all'] === true);
  const total =
    isSingle || fields['all'] === undefined
      ? undefined
      : (await callManage<Page>(store, { command: 'dead.list', limit: 1 })).total;
  let done = 0;
  let step: Step | undefined;
  const size = perSecond === undefined ? 200 : Math.min(200, perSecond);
  try {
    do {
      step = await callManage<Step>(store, {
        ...fields,
        ...(isAtOnce
          ? {}
          : { limit: Math.min(size, limit - done), after: step?.next ?? 0, until: step?.until ?? undefined }),
      });
      done += take(step);
      await bar.update(done, total);
      if (step.next === null || done >= limit) break;
      if (perSecond !== undefined) await sleep((size / perSecond) * 1_000, undefined, { signal: io.signal });
    } while (!io.signal.aborted);
  } finally {
    await bar.clear();
  }
  return { isComplete: step.next === null || done >= limit };
};

/** At most so many in all, and so many in a second. */
interface Pace {
  readonly limit?: number | undefined;
  readonly perSecond?: number | undefined;
}

/** Replayed messages that are looked for afterwards. */
const maxAwaited = 100_000;

const replay: CliCommand = {
  name: 'dead replay',
  summary: 'Send dead letters back to where they came from, each exactly once in effect',
  usage: '<sequence> ... | --code CODE | --all  [--limit N] [--rate N] [--wait SECONDS]',
  options: {
    ...selectOptions,
    limit: { type: 'string', value: 'N', help: 'At most so many, the oldest first: a canary' },
    rate: { type: 'string', value: 'N', help: 'At most so many in a second' },
    wait: {
      type: 'string',
      value: 'SECONDS',
      help: 'Then wait at most so long for what comes of them (default 10 on a terminal, else 0)',
    },
  },
  examples: [
    'state-sync dead replay 17',
    'state-sync dead replay --code unknown_state --limit 10 --wait 5',
    'state-sync dead replay --all --rate 100',
  ],
  positionals: { min: 0, max: 100 },
  changes: () => true,
  run: async (context) => {
    const failed: ReplayFailure[] = [];
    let replayed = 0;
    let failures = 0;
    const { values, store, io } = context;
    const bounds = { min: 1, max: 1_000_000 };
    const pace = { limit: integerValue(values, 'limit', bounds), perSecond: integerValue(values, 'rate', bounds) };
    const waitSeconds =
      integerValue(values, 'wait', { min: 0, max: 600 }) ?? (io.isTerminal && !context.output.isJson ? 10 : 0);
    const identities: string[] = [];
    const fields = { command: 'dead.replay', ...(await selection(context)) };
    const before = waitSeconds === 0 ? undefined : await callManage<Page>(store, { command: 'dead.list', limit: 1 });
    const take = ({ replayed: sent = 0, failures: kept = 0, failed: listed = [], ...step }: Step): number => {
      replayed += sent;
      identities.push(...(step.identities ?? []).slice(0, maxAwaited - identities.length));
      failures += kept;
      failed.push(...listed.slice(0, 1_000 - failed.length));
      return sent + kept;
    };
    const { isComplete } = await inSteps(context, 'replayed', fields, take, pace);
    const sent = { replayed, failures, failed, complete: isComplete };
    const lines = [
      `${replayed} replayed, ${failures} failed and kept${isComplete ? '' : '; interrupted, the rest is as it was'}`,
      ...failed.map(({ sequence, code, reason }) => `  ${sequence} ${code}: ${reason}`),
    ];
    if (before === undefined) {
      await context.output.result(sent, () => [
        ...lines,
        ...(replayed === 0
          ? []
          : ['state-sync dead list --group tells which come back (or replay with --wait SECONDS)']),
      ]);
    } else {
      const where = await awaitStored(store, identities, {
        timeoutMs: waitSeconds * 1_000,
        nowMs: io.nowMs,
        signal: io.signal,
        onProgress: async () => undefined,
        afterLetter: before.lastSequence ?? 0,
        isPassedOn: true,
      });
      const cameBack = await callManage<Groups>(store, { command: 'dead.groups', after: before.lastSequence });
      const { storedMessages: settled, rejected, missing } = where;
      const result = { ...sent, settled, deadAgain: rejected.length, onTheirWay: missing, cameBack: cameBack.groups };
      await context.output.result(result, () => [
        ...lines,
        `${settled} stored and passed on, ${rejected.length} dead ${rejected.length === 1 ? 'letter' : 'letters'} again, ${missing} still on their way`,
        ...(cameBack.groups.length === 0 ? [] : ['dead letters since then:', ...groupLines(cameBack)]),
      ]);
      if (rejected.length > 0) return exitCodes.failed;
    }
    return failures === 0 && isComplete ? exitCodes.ok : exitCodes.failed;
  },
};

const purge: CliCommand = {
  name: 'dead purge',
  summary: 'Remove dead letters for good',
  usage: '<sequence> ... | --code CODE | --all  --yes',
  options: { ...selectOptions, yes: { type: 'boolean', help: 'Yes, they are lost then' } },
  examples: ['state-sync dead purge 17 --yes', 'state-sync dead purge --all --yes'],
  positionals: { min: 0, max: 100 },
  changes: () => true,
  run: async (context) => {
    const fields = await selection(context);
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

const edit: CliCommand = {
  name: 'dead edit',
  summary: 'Send other content in place of a dead letter, as a new message that names the old one',
  usage: '<sequence> <file|->',
  options: {},
  examples: [
    'state-sync dead show 17 --json | jq -r .payload > letter.json; vi letter.json; state-sync dead edit 17 letter.json',
  ],
  positionals: { min: 2, max: 2 },
  changes: () => true,
  run: async ({ store, io, output, positionals }) => {
    const sequence = sequenceOf(positionals);
    const payload = await readPayload(io, positionals[1] ?? '');
    const report = await callManage<ReplayReport>(store, { command: 'dead.edit', sequence, payload });
    const [failure] = report.failed;
    await output.result(report, () => [
      failure === undefined ? 'sent; the dead letter is removed' : `not sent: ${failure.code}: ${failure.reason}`,
    ]);
    return failure === undefined ? exitCodes.ok : exitCodes.failed;
  },
};

const readPayload = async (io: CliIo, path: string): Promise<string> => {
  if (path !== '-') {
    return await readFile(resolve(io.cwd, path), 'utf8').catch((error: unknown) => {
      throw new CliError(exitCodes.failed, 'no_file', `${path} cannot be read`, { cause: error });
    });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return Buffer.concat(chunks).toString('utf8');
};

export const deadCommands: readonly CliCommand[] = [list, show, deadExport, edit, replay, purge];
