import { standsFor } from '../../../shared/message/replay.ts';
import { createMetadata } from '../../../shared/metadata/cached-metadata.ts';
import { findUnsettled, type Unsettled } from '../../../shared/nats/unsettled-messages.ts';
import { adoptRows, ledgerRows, storedJson } from '../../../shared/postgres/adopt-rows.ts';
import { readLedger } from '../../../shared/postgres/ledger.ts';
import { readPage } from '../../../shared/postgres/read-page.ts';
import { loadEvaluators, type EvaluatorFactory } from '../../../shared/state/evaluator.ts';
import type { UnsettledMessage } from '../../../shared/store/plan-unsettled.ts';
import {
  takeOver,
  type StateTakeOver,
  type TakeOverPorts,
  type TakeOverReport,
} from '../../../shared/store/take-over.ts';
import type { CliCommand, CliContext } from '../cli-command.ts';
import { CliError, exitCodes } from '../cli-io.ts';
import type { Store } from '../open-store.ts';
import { tableOr, type Line } from '../output.ts';
import { flagValue, integerValue } from '../values.ts';

export const takeover: CliCommand = {
  name: 'takeover',
  summary:
    'After the old service was killed: find what it stored and did not acknowledge, so that it is not stored twice',
  usage: '[--apply]',
  options: {
    apply: { type: 'boolean', help: 'Write the ledger rows; without it nothing is changed' },
    messages: { type: 'string', value: 'N', help: 'Unsettled messages that are looked at (default 20000)' },
    rows: { type: 'string', value: 'N', help: 'Last rows of each state that are looked at (default 100000)' },
  },
  examples: ['state-sync takeover', 'state-sync takeover --apply'],
  positionals: { min: 0, max: 0 },
  changes: (values) => flagValue(values, 'apply'),
  run: async (context) => {
    const { store, output, values } = context;
    const apply = flagValue(values, 'apply');
    const limit = integerValue(values, 'messages', { min: 1, max: 1_000_000 }) ?? 20_000;
    const maxRows = integerValue(values, 'rows', { min: 1, max: 10_000_000 }) ?? 100_000;
    const queues = await unsettledQueues(store);
    const read = queues.flatMap((queue) => queue.read);
    if (apply && read.length > 0) {
      const text = `somebody reads ${read.join(', ')}: stop the old service, keep the connector at 0, and wait half a minute`;
      throw new CliError(exitCodes.failed, 'durable_in_use', text);
    }
    const budget = { left: limit, bytesLeft: maxBytes };
    const ports = await createPorts(context);
    const reports: TakeOverReport[] = [];
    for (const queue of queues) {
      reports.push(await takeOver(messagesOf(queue, await store.config(), budget), ports, { apply, maxRows }));
    }
    const report = {
      applied: apply,
      readers: read,
      states: reports.flatMap(({ states }) => states),
      known: reports.reduce((sum, { known }) => sum + known, 0),
      unplanned: reports.flatMap(({ unplanned }) => unplanned),
      complete: budget.left > 0 && budget.bytesLeft > 0,
    };
    await output.result(report, () => show(report));
    const isSure = report.complete && report.states.every(({ ambiguous }) => ambiguous.length === 0);
    return isSure ? exitCodes.ok : exitCodes.failed;
  },
};

/** Payload bytes that are read of one run's messages, at most. */
const maxBytes = 1024 * 1024 * 1024;

interface Report extends TakeOverReport {
  readonly applied: boolean;
  readonly readers: readonly string[];
  readonly complete: boolean;
}

const shownAmbiguous = 20;

const show = ({ applied, readers, states, known, unplanned, complete }: Report): readonly Line[] => [
  ...(readers.length === 0 ? [] : [`somebody reads ${readers.join(', ')}: this is true only once nobody does`]),
  ...tableOr(
    'no unsettled messages for a state',
    ['state', 'stored', 'not stored', 'ambiguous'],
    states.map(({ stateId, stored, notStored, ambiguous }) => [stateId, stored, notStored, ambiguous.length]),
  ),
  ...states.flatMap(ambiguousLines),
  ...unplanned.map(({ sequence, code, reason }) => `message ${sequence} cannot be planned: ${code}: ${reason}`),
  ...(known === 0 ? [] : [`${known} are in the ledger already`]),
  ...(complete ? [] : ['there are more messages than were looked at: raise --messages']),
  ...(states.every(({ stored }) => stored === 0)
    ? []
    : [
        applied
          ? `${states.reduce((sum, { adopted }) => sum + adopted, 0)} ledger rows written: those messages will only be passed on`
          : 'stored ones would be stored a second time: say --apply',
      ]),
];

const ambiguousLines = ({ stateId, ambiguous }: StateTakeOver): readonly string[] => [
  ...ambiguous
    .slice(0, shownAmbiguous)
    .map(({ sequence, reason }) => `state ${stateId}, message ${sequence}: ${reason}; it will be stored again`),
  ...(ambiguous.length > shownAmbiguous ? [`and ${ambiguous.length - shownAmbiguous} more of state ${stateId}`] : []),
];

/** The streams whose messages become rows, each once. */
const unsettledQueues = async (store: Store): Promise<readonly Unsettled[]> => {
  const { routes, triggers } = await store.routing();
  const selectors = triggers.filter((trigger) => storing.has(trigger.function)).map(({ selector }) => selector);
  const queues: Unsettled[] = [];
  for (const selector of new Set(selectors)) {
    const route = routes.get(selector);
    if (route === undefined) continue;
    const { nats } = await store.config();
    const connection = await (await store.bus()).connection(nats.url ?? route.url);
    const queue = await findUnsettled(connection, route);
    if (queue !== undefined) queues.push(queue);
  }
  return queues;
};

const storing: ReadonlySet<string> = new Set(['state-direct', 'state-route']);

/** The messages under the identities that a delivery would give them. */
async function* messagesOf(
  queue: Unsettled,
  { functionToken: token }: { readonly functionToken: string | undefined },
  budget: { left: number; bytesLeft: number },
): AsyncGenerator<UnsettledMessage> {
  for await (const { sequence, storedNs, payload, header } of queue.messages()) {
    if (budget.left <= 0 || budget.bytesLeft <= 0) return;
    budget.left -= 1;
    budget.bytesLeft -= payload.byteLength;
    const position = { stream: queue.stream, sequence, timestampNs: storedNs, messageId: header('Nats-Msg-Id') };
    const { id, timestampNs } = standsFor(position, header, token === undefined ? undefined : { token, payload });
    yield { id, sequence, timestampNs, payload };
  }
}

const createPorts = async ({ store, io }: CliContext): Promise<TakeOverPorts> => {
  const pool = await store.pool();
  let evaluators: Promise<EvaluatorFactory> | undefined;
  return {
    metadata: createMetadata({
      pool,
      ttlMs: 3_600_000,
      maxEntries: 10_000,
      keyOrder: (await store.config()).keyOrder,
      nowMs: io.nowMs,
      onRefreshError: () => undefined,
    }),
    evaluators: () => (evaluators ??= loadEvaluators(() => performance.now())),
    maxExpandedBytes: (await store.config()).maxExpandedBytes,
    storedJson: (texts) => storedJson(pool, texts),
    knownIds: async (ids) => new Set((await readLedger(pool, ids)).keys()),
    readPage: (model, columns, offset, limit) => readPage(pool, { stateId: model.id, columns, offset, limit }),
    ledgerRows: (stateId, from) => ledgerRows(pool, stateId, from),
    adopt: (stateId, count, rows) => adoptRows(pool, stateId, count, rows),
  };
};
