import { stat } from 'node:fs/promises';
import { deliveryIdentity } from '../../../shared/message/delivery-identity.ts';
import type { Publisher } from '../../../shared/message/outgoing-message.ts';
import { syncSelector } from '../../../shared/routing/routing.ts';
import { requireRoute } from '../../../shared/routing/selector.ts';
import { cleanKey } from '../../../shared/state/clean-key.ts';
import { callManage } from '../call-manage.ts';
import type { Store } from '../open-store.ts';
import { textValues } from './state-create.ts';
import { awaitStored, type Whereabouts } from '../await-stored.ts';
import type { CliCommand, CliContext } from '../cli-command.ts';
import { CliError, exitCodes, usageError, type ExitCode } from '../cli-io.ts';
import { isEncoding } from '../decode-text.ts';
import { describeRows, type RowSummary } from '../describe-rows.ts';
import { directMessages, type DirectMessage } from '../direct-messages.ts';
import { findState } from '../find-state.ts';
import { tableOr, type Line } from '../output.ts';
import { createProgressBar } from '../progress-bar.ts';
import { readRows, type RowSource } from '../read-rows.ts';
import { flagValue, integerValue, requiredText, textValue } from '../values.ts';

export const publish: CliCommand = {
  name: 'publish',
  summary: 'Publish a file of JSON lines or CSV into a state, exactly once however often it is run',
  usage: '<file|-> --state STATE [--wait | --dry-run]',
  options: {
    state: {
      type: 'string',
      short: 's',
      value: 'STATE',
      help: 'The state that gets the rows: id, name, or how one begins',
    },
    format: { type: 'string', value: 'csv|jsonl', help: 'Default: what the file name ends in, else jsonl' },
    delimiter: { type: 'string', value: 'CHAR', help: 'Of CSV (default: the one that the first line has)' },
    encoding: { type: 'string', value: 'NAME', help: 'Default: UTF-8, or what the byte order mark says' },
    batch: {
      type: 'string',
      value: 'N',
      help: 'Rows in a message (default 1: then a changed line is the only new one)',
    },
    'dry-run': { type: 'boolean', help: 'Show columns, types and the first rows; publish nothing' },
    create: { type: 'boolean', help: 'Make the state if none has this id or name, with the columns of the file' },
    key: {
      type: 'string',
      multiple: true,
      short: 'k',
      value: 'COLUMN',
      help: 'With --create: a column of its primary key',
    },
    'no-check': { type: 'boolean', help: 'Do not ask the database whether the state exists' },
    id: {
      type: 'string',
      value: 'PREFIX',
      help: 'Message ids PREFIX/0, PREFIX/1, ... instead of ones made of the content',
    },
    wait: { type: 'boolean', short: 'w', help: 'Wait until every row is stored or given up' },
    timeout: { type: 'string', value: 'SECONDS', help: 'How long to wait (default 60)' },
  },
  examples: [
    'state-sync publish orders.csv --state orders --create --key id --wait',
    'state-sync publish orders.csv --state 6f1c --wait',
    "jq -c '.items[]' export.json | state-sync publish - --state 6f1c",
  ],
  positionals: { min: 1, max: 1 },
  changes: (values) => !flagValue(values, 'dry-run'),
  run: async (context): Promise<ExitCode> => {
    const { io, store, values, output } = context;
    const wanted = requiredText(values, 'state', 'the state that gets the rows');
    const batch = integerValue(values, 'batch', { min: 1, max: 10_000 }) ?? 1;
    const idPrefix = textValue(values, 'id');
    const source = sourceOf(context);
    await requireFile(source.path);
    const stateId = flagValue(values, 'no-check') ? wanted : await stateOf(context, wanted, source);
    if (flagValue(values, 'dry-run')) {
      const summary = await describeRows(readRows(io, source));
      await output.result({ stateId, ...summary }, () => showRows(stateId, summary));
      return exitCodes.ok;
    }
    const bus = await store.bus();
    const maxBytes = (await bus.maxPayloadBytes()) - headerBytes;
    const messages = (): AsyncIterable<DirectMessage> =>
      directMessages(readRows(io, source), { stateId, batch, maxBytes, idPrefix });
    const total = source.path === '-' ? undefined : await countAll(messages(), io.signal);
    const published = await publishAll(context, bus, messages(), total);
    const where = flagValue(values, 'wait') ? await wait(context, published) : undefined;
    const { identities: _, ...counts } = published;
    await output.result({ ...counts, ...(where === undefined ? {} : where) }, () => [
      `${published.rows} rows published in ${published.messages} messages${published.duplicates > 0 ? `, ${published.duplicates} of them known already` : ''}`,
      ...(where === undefined ? [] : report(where)),
    ]);
    if (io.signal.aborted) return exitCodes.interrupted;
    return where === undefined || (where.missing === 0 && where.rejected.length === 0)
      ? exitCodes.ok
      : exitCodes.failed;
  },
};

/** The state that is meant; with `--create` it is made if there is none, once the file has been read to its end. */
const stateOf = async ({ io, store, values }: CliContext, wanted: string, source: RowSource): Promise<string> => {
  const isCreating = flagValue(values, 'create') && !flagValue(values, 'dry-run');
  try {
    return isCreating ? await findWhole(store, wanted) : await findState(store, wanted);
  } catch (error) {
    if (!isCreating || !(error instanceof CliError) || error.code !== 'not_found') throw error;
  }
  const keys = textValues(values, 'key').map(cleanKey);
  if (source.path !== '-') {
    const { columns } = await describeRows(readRows(io, source));
    const missing = keys.find((key) => !columns.some(({ column }) => column === key));
    if (missing !== undefined) throw usageError(`--key ${missing}: the file has no such column`);
  }
  const created = await callManage<{ readonly stateId: string }>(store, {
    command: 'state.create',
    name: wanted,
    keys,
  });
  return created.stateId;
};

/** Not by how a name begins: a new state may be named like the beginning of another. */
const findWhole = async (store: Store, wanted: string): Promise<string> => {
  const { states } = await callManage<{
    readonly states: readonly { readonly id: string; readonly name: string | null }[];
  }>(store, { command: 'state.list', search: wanted.slice(0, 100), limit: 500 });
  const found = states.find(({ id, name }) => id === wanted || name === wanted);
  if (found === undefined) throw new CliError(exitCodes.failed, 'not_found', `there is no state ${wanted}`);
  return found.id;
};

/** Room for the headers beside a payload. */
const headerBytes = 2_048;

const sourceOf = ({ values, positionals }: CliContext): RowSource => {
  const path = positionals[0] ?? '';
  const format = textValue(values, 'format') ?? (/\.(csv|tsv)$/i.test(path) ? 'csv' : 'jsonl');
  if (format !== 'csv' && format !== 'jsonl') throw usageError('--format is csv or jsonl');
  const encoding = textValue(values, 'encoding');
  if (encoding !== undefined && !isEncoding(encoding)) throw usageError(`--encoding ${encoding} is not known`);
  const named = values['delimiter'] === '\\t' || values['delimiter'] === 'tab' ? '\t' : textValue(values, 'delimiter');
  if (named !== undefined && named.length !== 1) throw usageError('--delimiter is one character, or tab');
  return { path, format, encoding, delimiter: named };
};

const requireFile = async (path: string): Promise<void> => {
  if (path === '-') return;
  try {
    await stat(path);
  } catch (error) {
    throw new CliError(exitCodes.failed, 'no_file', `${path} cannot be read`, { cause: error });
  }
};

const showRows = (stateId: string, { rows, columns, first }: RowSummary): readonly Line[] => [
  `${rows} rows for state ${stateId}; nothing is published`,
  '',
  ...tableOr(
    'no columns',
    ['in the file', 'column', 'values'],
    columns.map(({ name, column, types }) => [
      name,
      column,
      Object.entries(types)
        .map(([type, count]) => `${count} ${type}`)
        .join(', '),
    ]),
  ),
  '',
  ...tableOr(
    'no rows',
    columns.map(({ name }) => name),
    first.map((row) => columns.map(({ name }) => row[name] ?? null)),
  ),
];

/** Reads the file to its end, so that a fault in its last line is found before the first one is published; how many messages it has. */
const countAll = async (messages: AsyncIterable<DirectMessage>, signal: AbortSignal): Promise<number> => {
  let count = 0;
  for await (const _message of messages) {
    if (signal.aborted) break;
    count += 1;
  }
  return count;
};

interface Published {
  readonly messages: number;
  readonly rows: number;
  /** Messages that the stream had already. */
  readonly duplicates: number;
  readonly identities: readonly string[];
}

/** Messages, and bytes of them, whose confirmation is awaited together. */
const windowMessages = 1_000;
const windowBytes = 4 * 1024 * 1024;

const publishAll = async (
  context: CliContext,
  publisher: Publisher,
  messages: AsyncIterable<DirectMessage>,
  total: number | undefined,
): Promise<Published> => {
  const { io, store, output } = context;
  const route = requireRoute((await store.routing()).routes, syncSelector);
  const bar = createProgressBar(io, 'messages published', output.isJson);
  const identities: string[] = [];
  let [count, rows, duplicates] = [0, 0, 0];
  let window: DirectMessage[] = [];
  let pendingBytes = 0;
  const send = async (): Promise<void> => {
    const outcomes = await publisher.publish(
      window.map(({ id, payload }) => ({
        stream: route.name,
        baseSubject: route.subject,
        subject: route.subject,
        payload,
        id,
      })),
    );
    for (const [index, outcome] of outcomes.entries()) {
      const message = window[index]!;
      if (!outcome.ok) {
        const reason = `${outcome.error.message}; ${progressOf(rows, message.firstLine)}`;
        throw new CliError(exitCodes.failed, 'publish_failed', reason, { cause: outcome.error });
      }
      identities.push(deliveryIdentity({ stream: route.name, sequence: 0, timestampNs: '0', messageId: message.id }));
      count += 1;
      rows += message.rows;
      if (outcome.duplicate) duplicates += 1;
    }
    window = [];
    pendingBytes = 0;
    await bar.update(count, total);
  };
  try {
    for await (const message of messages) {
      if (io.signal.aborted) break;
      window.push(message);
      pendingBytes += message.payload.byteLength;
      if (window.length === windowMessages || pendingBytes >= windowBytes) await send();
    }
    if (window.length > 0) await send();
  } catch (error) {
    if (!(error instanceof CliError) || error.code === 'publish_failed') throw error;
    // Only standard input gets here: a file is read to its end before anything of it is published.
    const line = window[0]?.firstLine ?? 0;
    throw new CliError(error.exitCode, error.code, `${error.message}; ${progressOf(rows, line)}`, { cause: error });
  } finally {
    await bar.clear();
  }
  return { messages: count, rows, duplicates, identities };
};

/** What went in before a failure, as a part of its reason. */
const progressOf = (rows: number, line: number): string =>
  `${rows} rows are published${rows === 0 ? '' : `, those before line ${line}`}: run the command again once this is mended, only what is missing is stored`;

const wait = async (context: CliContext, published: Published): Promise<Whereabouts> => {
  const { io, store, values, output } = context;
  const timeoutMs = (integerValue(values, 'timeout', { min: 1, max: 86_400 }) ?? 60) * 1_000;
  const bar = createProgressBar(io, 'messages stored', output.isJson);
  try {
    return await awaitStored(store, published.identities, {
      timeoutMs,
      nowMs: io.nowMs,
      signal: io.signal,
      onProgress: (settled) => bar.update(settled, published.messages),
    });
  } finally {
    await bar.clear();
  }
};

const report = (where: Whereabouts): readonly string[] => [
  `${where.storedRows} rows of ${where.storedMessages} messages are stored`,
  ...where.rejected.slice(0, 20).map(({ identity, code, reason }) => `  given up: ${identity}: ${code}: ${reason}`),
  ...(where.missing > 0 ? [`  ${where.missing} messages are still on their way; state-sync doctor tells why`] : []),
];
