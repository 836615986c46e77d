import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreStatus } from '../../../shared/operate/commands/status.ts';
import type { ConsumerStatus } from '../../../shared/nats/stream-status.ts';
import { callManage } from '../call-manage.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';
import { tableOr, type Line } from '../output.ts';
import { flagValue, integerValue } from '../values.ts';

export const status: CliCommand = {
  name: 'status',
  summary: 'Health; backlog of every stream, dead letters, database and functions',
  usage: '[--watch]',
  options: {
    watch: { type: 'boolean', short: 'w', help: 'Again and again until Ctrl-C' },
    interval: { type: 'string', value: 'SECONDS', help: 'Between two looks (default 2)' },
  },
  examples: ['state-sync status', 'state-sync status --watch', "state-sync status --json | jq '.deadLetters.messages'"],
  positionals: { min: 0, max: 0 },
  run: async ({ store, io, output, values }) => {
    const everyMs = (integerValue(values, 'interval', { min: 1, max: 3_600 }) ?? 2) * 1_000;
    let result = await callManage<StoreStatus>(store, { command: 'status' });
    await output.result(result, () => show(result));
    while (flagValue(values, 'watch') && !io.signal.aborted) {
      await sleep(everyMs, undefined, { signal: io.signal }).catch(() => undefined);
      if (io.signal.aborted) return exitCodes.ok;
      result = await callManage<StoreStatus>(store, { command: 'status' });
      if (io.isTerminal && !output.isJson) await io.write(clearScreen);
      const shown = result;
      await output.result(shown, () => [shown.time, ...show(shown)]);
    }
    if (!result.nats.ok || !result.database.ok) return exitCodes.unreachable;
    return result.health.level === 'bad' ? exitCodes.failed : exitCodes.ok;
  },
};

/** Moves to the top and erases what is below. */
const clearScreen = '\u001b[H\u001b[J';

const show = (status: StoreStatus): readonly Line[] => {
  const { nats, database, deadLetters, functions } = status;
  return [
    ...healthLines(status),
    nats.ok ? `NATS ${nats.version}, ${nats.latencyMs} ms` : `NATS: ${nats.code}: ${nats.reason}`,
    database.ok
      ? `PostgreSQL ${database.version}, ${database.latencyMs} ms, ${database.isLedgerCounted ? '' : 'about '}${database.ledgerRows} ledger rows`
      : `PostgreSQL: ${database.code}: ${database.reason}`,
    deadLetters.ok
      ? `${deadLetters.messages} dead ${deadLetters.messages === 1 ? 'letter' : 'letters'}`
      : `dead letters: ${deadLetters.code}: ${deadLetters.reason}`,
    '',
    ...tableOr(
      'no streams',
      ['stream', 'messages', 'consumer', 'waiting', 'in flight', 'redelivered', ''],
      streamRows(status),
    ),
    '',
    ...(functions === null
      ? ['functions: no GATEWAY_URL is set']
      : functions.ok
        ? tableOr(
            'no functions',
            ['function', 'replicas', 'available', 'calls', 'cold starts'],
            functions.list.map((item) => [
              item.name,
              item.replicas,
              item.availableReplicas,
              item.invocations ?? null,
              item.coldStarts ?? null,
            ]),
          )
        : [`functions: ${functions.code}: ${functions.reason}`]),
  ];
};

const marks = { good: '✓', warn: '!', bad: '✗' } as const;

const healthLines = ({ health }: StoreStatus): readonly string[] => [
  `${marks[health.level]} ${health.headline}`,
  ...health.states
    .filter(({ level, part }) => level !== 'good' || part === 'pause')
    .map(({ level, headline, reason }) => `  ${marks[level]} ${headline}${reason === '' ? '' : `: ${reason}`}`),
  '',
];

const streamRows = (status: StoreStatus): (readonly (string | number | null)[])[] =>
  status.streams.flatMap((named) => {
    if (!named.ok) return [[named.name, null, null, null, null, null, `${named.code}: ${named.reason}`]];
    if (named.stream === null) return [[named.name, null, null, null, null, null, 'not there yet']];
    const { messages, consumers } = named.stream;
    if (consumers.length === 0) return [[named.name, messages, null, null, null, null, 'no consumer']];
    return consumers.map((consumer) => [
      named.name,
      messages,
      consumer.name,
      consumer.pending,
      consumer.ackPending,
      consumer.redelivered,
      noteOf(named, consumer, status),
    ]);
  });

const noteOf = (named: StoreStatus['streams'][number], consumer: ConsumerStatus, { health }: StoreStatus): string => {
  if (named.functions.length === 0) return 'read by others';
  const state = health.states.find(({ part, name }) => part === 'durable' && name === consumer.name);
  return state === undefined || state.level === 'good' ? '' : state.headline;
};
