import type { StoreStatus } from '../../../shared/operate/commands/status.ts';
import type { ConsumerStatus } from '../../../shared/nats/stream-status.ts';
import { callManage } from '../call-manage.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';
import { tableOr } from '../output.ts';

export const status: CliCommand = {
  name: 'status',
  summary: 'Health; backlog of every stream, dead letters, database and functions',
  usage: '',
  options: {},
  examples: ['state-sync status', "state-sync status --json | jq '.deadLetters.messages'"],
  positionals: { min: 0, max: 0 },
  run: async ({ store, output }) => {
    const result = await callManage<StoreStatus>(store, { command: 'status' });
    await output.result(result, () => show(result));
    if (!result.nats.ok || !result.database.ok) return exitCodes.unreachable;
    return result.health.level === 'bad' ? exitCodes.failed : exitCodes.ok;
  },
};

const show = (status: StoreStatus): readonly string[] => {
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
    .filter(({ level }) => level !== 'good')
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
