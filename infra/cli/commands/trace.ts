import type { MessageTrace } from '../../../shared/operate/commands/message-trace.ts';
import type { StateTrace } from '../../../shared/operate/commands/state-trace.ts';
import type { DeliveryWay } from '../../../shared/operate/delivery-way.ts';
import type { FoundTrace } from '../../../shared/operate/find-trace.ts';
import type { TraceSpan } from '../../../shared/operate/trace-source.ts';
import { printTrace } from '../../local/print-trace.ts';
import { editLines } from '../edit-lines.ts';
import { callManage } from '../call-manage.ts';
import type { CliCommand, CliContext } from '../cli-command.ts';
import { exitCodes, usageError } from '../cli-io.ts';
import { flagValue, textValue } from '../values.ts';

const spansOption = {
  spans: { type: 'boolean', help: 'Draw the trace too, from what the trace store has of it' },
} as const;

const stateTrace: CliCommand = {
  name: 'state trace',
  summary: 'Where a row came from: message, stream, time, forwards, trace',
  usage: '<state> <row> | <state> --key KEY',
  options: {
    key: { type: 'string', value: 'KEY', help: 'A state_key, or a value of the key, instead of a position' },
    ...spansOption,
  },
  examples: ['state-sync state trace orders 17', 'state-sync state trace orders --key order-17'],
  positionals: { min: 1, max: 2 },
  run: async (context) => {
    const { store, output, values, positionals } = context;
    const [state, row] = positionals;
    const key = textValue(values, 'key');
    if (row !== undefined && !/^\d{1,15}$/.test(row)) throw usageError(`${row} is not a position; a key goes to --key`);
    if ((row === undefined) === (key === undefined)) throw usageError('give the position of a row, or --key KEY');
    const found = await callManage<StateTrace>(store, {
      command: 'state.trace',
      state_id: state,
      row: row === undefined ? undefined : Number(row),
      key,
    });
    const traces = await drawn(
      context,
      found.rows.map(({ trace }) => trace),
    );
    await output.result(found, () => [
      ...found.rows.flatMap(({ position, cells, delivery, trace }) => [
        `row ${position} of state ${found.name ?? found.stateId}`,
        ...Object.entries(cells).map(([name, cell]) => `  ${name} = ${cell ?? 'null'}`),
        ...(delivery === null
          ? ['  no delivery is known of it: another writer stored it, or its ledger row is pruned']
          : [...wayLines(delivery), traceLine(trace)]),
        ...(traces.get(trace.traceId ?? '') ?? []),
        '',
      ]),
      ...(found.isComplete ? [] : ['there are more rows with this key']),
    ]);
    return exitCodes.ok;
  },
};

const messageTrace: CliCommand = {
  name: 'trace',
  summary: 'What became of a message: its rows, dead letters, forwards, trace',
  usage: '<message-id | trace-id> | --dead SEQUENCE',
  options: { dead: { type: 'string', value: 'SEQUENCE', help: 'The message of this dead letter' }, ...spansOption },
  examples: [
    'state-sync trace orders/17',
    'state-sync trace 4bf92f3577b34da6a3ce929d0e0e4736',
    'state-sync trace --dead 17',
  ],
  positionals: { min: 0, max: 1 },
  run: async (context) => {
    const { store, output, values, positionals } = context;
    const [id] = positionals;
    const dead = textValue(values, 'dead');
    if ((id === undefined) === (dead === undefined))
      throw usageError('give a message id, a trace id, or --dead SEQUENCE');
    if (dead !== undefined && !/^[1-9]\d{0,14}$/.test(dead))
      throw usageError('--dead takes the sequence of a dead letter');
    const isTrace = /^[0-9a-f]{32}$/i.test(id ?? '');
    const found = await callManage<MessageTrace>(store, {
      command: 'message.trace',
      ...(isTrace ? { trace_id: id } : { id }),
      sequence: dead === undefined ? undefined : Number(dead),
    });
    const own: FoundTrace[] = isTrace ? [{ traceId: id?.toLowerCase() ?? null, traceUrl: null, reason: '' }] : [];
    const traces = await drawn(context, [...own, ...found.deliveries.map(({ trace }) => trace)]);
    await output.result(found, () => [
      ...found.deliveries.flatMap((delivery) => [
        `delivery ${delivery.identity}`,
        ...wayLines(delivery),
        traceLine(delivery.trace),
        '',
      ]),
      ...found.deadLetters.flatMap((letter) => [
        `dead letter ${letter.sequence} of ${letter.time}`,
        `  ${letter.code}: ${letter.reason}`,
        `  identity  ${letter.identity ?? ''}`,
        ...(letter.traceId === null ? [] : [`  trace     ${letter.traceUrl ?? letter.traceId}`]),
        '',
      ]),
      ...found.waiting.flatMap(({ stream, sequence, subject, messageId }) => [
        `waits in stream ${stream} at ${sequence}, subject ${subject}${messageId === null ? '' : `, message id ${messageId}`}`,
      ]),
      ...found.edits.flatMap(editLines),
      ...[...traces.values()].flat(),
    ]);
    return exitCodes.ok;
  },
};

/** The trees of the traces, by id, if they are asked for. */
const drawn = async (
  { store, values }: CliContext,
  traces: readonly FoundTrace[],
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const lines = new Map<string, readonly string[]>();
  if (!flagValue(values, 'spans')) return lines;
  for (const { traceId } of traces) {
    if (traceId === null || lines.has(traceId)) continue;
    const { spans, reason } = await callManage<{ readonly spans: readonly TraceSpan[]; readonly reason: string }>(
      store,
      {
        command: 'trace.show',
        trace_id: traceId,
      },
    );
    lines.set(traceId, spans.length === 0 ? [reason] : printTrace(spans.map((span) => toCollected(traceId, span))));
  }
  return lines;
};

const kinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;

const toCollected = (traceId: string, span: TraceSpan): Parameters<typeof printTrace>[0][number] => ({
  ...span,
  traceId,
  parentSpanId: span.parentSpanId ?? '',
  kind: kinds.find((kind) => kind === span.kind) ?? 'internal',
  failed: span.isFailed,
});

const wayLines = (way: DeliveryWay): readonly string[] => [
  `  message   ${way.messageId ?? 'without an id'}${way.editOf === null ? '' : `, an edit of dead letter ${way.editOf}`}`,
  `  stream    ${way.stream ?? 'not told by the identity'}${way.streamSequence === null ? '' : `, sequence ${way.streamSequence}, published ${way.publishedTime}`}`,
  `  stored    ${way.storedTime} by ${way.functions.join(' or ') || 'an unknown function'}`,
  ...(way.stateId === null
    ? ['  rows      none: it was passed on']
    : [
        way.firstRow === null
          ? `  rows      none in state ${way.stateName ?? way.stateId}`
          : `  rows      ${way.firstRow === way.lastRow ? way.firstRow : `${way.firstRow} to ${way.lastRow}`} of state ${way.stateName ?? way.stateId} (${way.stateId})`,
      ]),
  ...(way.forwardOf === null
    ? []
    : [`  forward   of rows ${way.forwardOf.rows} of ${way.forwardOf.identity} to route ${way.forwardOf.routeId}`]),
  `  forwards  ${forwardWords(way)}`,
  ...way.forwards.map(
    ({ routeId, handled }) =>
      `    route ${routeId}: ${handled.length === 0 ? 'no function has handled one yet' : `${handled.length} handled`}`,
  ),
];

const forwardWords = (way: DeliveryWay): string => {
  if (!way.isForwarded) return 'not all confirmed yet: it is tried again';
  return way.stateId !== null && way.forwards.length === 0 ? 'none: no processor is behind the state' : 'all confirmed';
};

const traceLine = ({ traceId, traceUrl, reason }: FoundTrace): string =>
  `  trace     ${traceId === null ? `none: ${reason}` : (traceUrl ?? traceId)}`;

export const traceCommands: readonly CliCommand[] = [stateTrace, messageTrace];
