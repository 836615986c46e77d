import { stat } from 'node:fs/promises';
import { deliveryIdentity } from '../../../shared/message/delivery-identity.ts';
import type { Publisher } from '../../../shared/message/outgoing-message.ts';
import { syncSelector } from '../../../shared/routing/routing.ts';
import { requireRoute } from '../../../shared/routing/selector.ts';
import { awaitStored, type Whereabouts } from '../await-stored.ts';
import type { CliCommand, CliContext } from '../cli-command.ts';
import { CliError, exitCodes, usageError, type ExitCode } from '../cli-io.ts';
import { directMessages, type DirectMessage } from '../direct-messages.ts';
import { createProgressBar } from '../progress-bar.ts';
import { readRows, type RowFormat } from '../read-rows.ts';
import { flagValue, integerValue, requiredText, textValue } from '../values.ts';

/** Room for the headers beside a payload. */
const headerBytes = 2_048;

export const publish: CliCommand = {
  name: 'publish',
  summary: 'Publish a file of JSON lines or CSV into a state, exactly once however often it is run',
  usage: '<file|-> --state ID [--wait]',
  options: {
    state: { type: 'string', short: 's', value: 'ID', help: 'The state that gets the rows' },
    format: { type: 'string', value: 'csv|jsonl', help: 'Default: what the file name ends in, else jsonl' },
    batch: { type: 'string', value: 'N', help: 'Rows in a message (default 200)' },
    id: {
      type: 'string',
      value: 'PREFIX',
      help: 'Message ids PREFIX/0, PREFIX/1, ... instead of ones made of the content',
    },
    wait: { type: 'boolean', short: 'w', help: 'Wait until every row is stored or given up' },
    timeout: { type: 'string', value: 'SECONDS', help: 'How long to wait (default 60)' },
  },
  examples: [
    'state-sync publish orders.csv --state 6f1c --wait',
    "jq -c '.items[]' export.json | state-sync publish - --state 6f1c",
  ],
  positionals: { min: 1, max: 1 },
  run: async (context): Promise<ExitCode> => {
    const { io, store, values, positionals, output } = context;
    const stateId = requiredText(values, 'state', 'the state that gets the rows');
    const batch = integerValue(values, 'batch', { min: 1, max: 10_000 }) ?? 200;
    const idPrefix = textValue(values, 'id');
    const format = formatOf(context);
    const path = positionals[0] ?? '';
    await sizeOf(path);
    const bus = await store.bus();
    const maxBytes = (await bus.maxPayloadBytes()) - headerBytes;
    const messages = directMessages(readRows(io, path, format), { stateId, batch, maxBytes, idPrefix });
    const published = await publishAll(context, bus, messages);
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

const formatOf = ({ values, positionals }: CliContext): RowFormat => {
  const path = positionals[0] ?? '';
  const format = textValue(values, 'format') ?? (path.endsWith('.csv') ? 'csv' : 'jsonl');
  if (format !== 'csv' && format !== 'jsonl') throw usageError('--format is csv or jsonl');
  return format;
};

const sizeOf = async (path: string): Promise<number | undefined> => {
  if (path === '-') return undefined;
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw new CliError(exitCodes.failed, 'no_file', `${path} cannot be read`, { cause: error });
  }
};

interface Published {
  readonly messages: number;
  readonly rows: number;
  /** Messages that the stream had already. */
  readonly duplicates: number;
  readonly identities: readonly string[];
}

/** Messages whose confirmation is awaited together. */
const windowMessages = 64;

const publishAll = async (
  context: CliContext,
  publisher: Publisher,
  messages: AsyncIterable<DirectMessage>,
): Promise<Published> => {
  const { io, store, positionals, output } = context;
  const route = requireRoute((await store.routing()).routes, syncSelector);
  const totalBytes = await sizeOf(positionals[0] ?? '');
  const bar = createProgressBar(io, 'published bytes', output.isJson);
  const identities: string[] = [];
  let [count, rows, duplicates, bytes] = [0, 0, 0, 0];
  let window: DirectMessage[] = [];
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
        throw new CliError(
          exitCodes.failed,
          'publish_failed',
          `${outcome.error.message}; ${rows} rows are published, up to line ${message.lastLine - message.rows}: run the same command again, nothing is stored twice`,
          { cause: outcome.error },
        );
      }
      identities.push(deliveryIdentity({ stream: route.name, sequence: 0, timestampNs: '0', messageId: message.id }));
      count += 1;
      rows += message.rows;
      bytes += message.payload.byteLength;
      if (outcome.duplicate) duplicates += 1;
    }
    window = [];
    await bar.update(bytes, totalBytes);
  };
  try {
    for await (const message of messages) {
      if (io.signal.aborted) break;
      window.push(message);
      if (window.length === windowMessages) await send();
    }
    if (window.length > 0) await send();
  } finally {
    await bar.clear();
  }
  return { messages: count, rows, duplicates, identities };
};

const wait = async (context: CliContext, published: Published): Promise<Whereabouts> => {
  const { io, store, values, output } = context;
  const timeoutMs = (integerValue(values, 'timeout', { min: 1, max: 86_400 }) ?? 60) * 1_000;
  const bar = createProgressBar(io, 'stored messages', output.isJson);
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
