import { deliveryIdentity } from '../../shared/message/delivery-identity.ts';
import { stateKey } from '../../shared/state/state-key.ts';
import type { Difference } from './difference.ts';
import type { Received } from './downstream.ts';
import { rowColumns, type ChaosState, type HistoryMessage, type HistoryRow } from './history.ts';
import type { StoredLetter, StoredState } from './observe.ts';
import type { SeenAnswer } from './watch-acks.ts';

/** What was published, in the order of acceptance per state. */
export interface Truth {
  readonly states: readonly ChaosState[];
  readonly accepted: readonly HistoryMessage[];
  readonly idBySequence: ReadonlyMap<number, string>;
  /** Whether a broker may have forgotten ids of what was read (it was restarted): a work queue then takes a repeat. */
  readonly brokerRestarted: boolean;
}

/** What was read back when everything had come to rest. */
export interface Findings {
  readonly stored: ReadonlyMap<string, StoredState>;
  readonly letters: readonly StoredLetter[];
  readonly answers: readonly SeenAnswer[];
  readonly bareNaks: number;
  readonly mostDeliveries: number;
  /** By the position of the processor behind the state. */
  readonly received: readonly {
    readonly stream: string;
    readonly keepsIds: boolean;
    readonly messages: readonly Received[];
  }[];
}

/** The identity of a message with such a `Nats-Msg-Id`, as the ledger has it. */
export const identityOf = (messageId: string): string =>
  deliveryIdentity({ stream: 'processor_state_sync', sequence: 0, timestampNs: '0', messageId });
/** The place in the stream in the identity of a message without an id: `processor_state_sync/<sequence>@<nanoseconds>`. */
const sequenceIn = (identity: string): number | undefined => {
  const sequence = /^processor_state_sync\/(\d+)@\d{19}$/.exec(identity)?.[1];
  return sequence === undefined ? undefined : Number(sequence);
};
const keyOf = ({ message, row }: HistoryRow): string =>
  stateKey(
    new Map([
      ['message', message],
      ['row', row],
    ]),
  );

/** At most so many lines for each kind of fault: the first ones tell enough. */
const maxLines = 12;

const checkState = (
  state: ChaosState,
  messages: readonly HistoryMessage[],
  stored: StoredState,
  truth: Truth,
): Difference[] => {
  const differences: Difference[] = [];
  const add = (invariant: Difference['invariant'], text: string): void => {
    // Of each kind: a loss must not hide that the order is wrong too.
    const known = differences.filter((each) => each.invariant === invariant).length;
    if (known < maxLines) differences.push({ invariant, text: `${state.name}: ${text}` });
  };
  const wanted = new Map(messages.filter(({ poison }) => poison === undefined).map((message) => [message.id, message]));
  const total = [...wanted.values()].reduce((sum, { rows }) => sum + rows.length, 0);
  if (stored.count !== stored.rows.size) add('count', `count is ${stored.count}, there are ${stored.rows.size} rows`);
  if (stored.rows.size !== total) {
    const invariant = stored.rows.size < total ? 'I1 no loss' : 'I2 no duplicate';
    add(invariant, `${stored.rows.size} rows are stored, ${total} were sent`);
  }

  const order: string[] = [];
  const seen = new Map<string, number>();
  const places = new Map<string, number>();
  for (let at = 0; at < stored.rows.size; at += 1) {
    const row = stored.rows.get(at);
    if (row === undefined) {
      add('I2 no duplicate', `there is no row at ${at}: the positions are not contiguous`);
      break;
    }
    const id = row.get('message') ?? '';
    const number = Number(row.get('row'));
    const message = wanted.get(id);
    const source = message?.rows[number];
    if (message === undefined || source === undefined) {
      add('I2 no duplicate', `row ${at} is of ${id}, which nobody sent to this state`);
      continue;
    }
    for (const name of rowColumns) {
      if (row.get(name) !== source[name]) add('I3 atomic', `row ${at} of ${id} has another ${name} than was sent`);
    }
    if (state.keyed && row.get('state_key') !== keyOf(source)) add('mapping', `row ${at} of ${id} has a wrong key`);
    const count = seen.get(id) ?? 0;
    if (count >= message.rows.length) add('I2 no duplicate', `${id} is stored again at ${at}`);
    if (number !== count % message.rows.length || (count > 0 && places.get(id) !== at - 1)) {
      add('I3 atomic', `row ${number} of ${id} is at ${at}, apart from the rows before it`);
    }
    if (count === 0) order.push(id);
    seen.set(id, count + 1);
    places.set(id, at);
  }
  for (const [id, { rows }] of wanted) {
    const count = seen.get(id) ?? 0;
    if (count < rows.length) add(count === 0 ? 'I1 no loss' : 'I3 atomic', `${id} has ${count} of ${rows.length} rows`);
  }
  if (state.types.length === 1) {
    const expected = [...wanted.keys()];
    const wrong = order.findIndex((id, index) => id !== expected[index]);
    if (wrong !== -1) add('I5 order', `${order[wrong]} is stored where ${expected[wrong]} was sent`);
  }

  const ledger = new Map(stored.ledger.map((row) => [row.id, row]));
  const bySequence = new Map(stored.ledger.map((row) => [sequenceIn(row.id), row]));
  const byStart = new Map(stored.ledger.map((row) => [row.start, row]));
  const sequenceOf = new Map([...truth.idBySequence].map(([sequence, id]) => [id, sequence]));
  for (const [id, { unsure }] of wanted) {
    const first = (places.get(id) ?? 0) - (seen.get(id) ?? 0) + 1;
    // Nobody was told the place of one that is unsure: what its rows are at must be a delivery without an id.
    const nameless = unsure === true ? byStart.get(first) : bySequence.get(sequenceOf.get(id));
    const known = nameless !== undefined && sequenceIn(nameless.id) === undefined ? undefined : nameless;
    const row = state.nameless === true ? known : ledger.get(identityOf(id));
    if (row === undefined) add('I1 no loss', `${id} is not in the ledger`);
    else if (row.rows !== wanted.get(id)?.rows.length || row.start !== first) {
      add('I2 no duplicate', `the ledger says ${row.rows} rows at ${row.start} of ${id}, which is at ${first}`);
    } else if (!row.forwarded) add('I4 forwards', `the ledger does not say that ${id} was forwarded`);
  }
  if (ledger.size > wanted.size)
    add('I2 no duplicate', `the ledger has ${ledger.size} deliveries, ${wanted.size} were sent`);

  const keys = state.keyed ? total : 0;
  if (stored.mapping.length !== keys) add('mapping', `${stored.mapping.length} mapping rows for ${keys} keys`);
  for (const { key, at } of stored.mapping) {
    if (stored.rows.get(at)?.get('state_key') !== key) add('mapping', `key ${key} leads to ${at}, which has another`);
  }
  return differences;
};

/** Every row once for every route behind its state; whole messages if the dispatch is `batch`. */
const checkForwards = (truth: Truth, findings: Findings): Difference[] => {
  const differences: Difference[] = [];
  const add = (text: string): void => {
    if (differences.length < maxLines) differences.push({ invariant: 'I4 forwards', text });
  };
  // An id that is used again stands for its first message.
  const good = truth.accepted.filter(({ poison }) => poison === undefined);
  const sent = new Map(good.map((message) => [message.id, message]));
  for (const [index, { stream, keepsIds, messages }] of findings.received.entries()) {
    const expected = new Map<string, number>();
    for (const { state, rows, poison } of truth.accepted) {
      const routeId = state.inputRouteIds[index];
      if (poison !== undefined || routeId === undefined || state.dispatch === null) continue;
      const parts = state.dispatch === 'batch' ? [rows] : rows.map((row) => [row]);
      for (const part of parts)
        expected.set(`${routeId} ${part[0]?.message} ${part.map(({ row }) => row).join(',')}`, 0);
    }
    const sequenceOf = new Map<string, number>();
    for (const { id, sequence, routeId, rows } of messages) {
      // A work queue forgets the ids of what was read when its server dies: the id is then the receiver's to know.
      if (sequenceOf.has(id) && !keepsIds && truth.brokerRestarted) continue;
      if (sequenceOf.has(id)) add(`${stream} has ${id} at ${sequenceOf.get(id)} and at ${sequence}`);
      sequenceOf.set(id, sequence);
      const name = `${routeId} ${rows[0]?.message} ${rows.map(({ row }) => row).join(',')}`;
      const count = expected.get(name);
      if (count === undefined) add(`${stream} got what nobody sent: ${name}`);
      else expected.set(name, count + 1);
      for (const row of rows) {
        const source = sent.get(row.message)?.rows[Number(row.row)];
        if (source === undefined || rowColumns.some((column) => source[column] !== row[column])) {
          add(`${stream} got other values of ${row.message} than were sent`);
        }
      }
    }
    for (const [name, count] of expected) if (count !== 1) add(`${stream} got ${name} ${count} times`);
  }
  return differences;
};

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const checkLetters = (truth: Truth, letters: readonly StoredLetter[]): Difference[] => {
  const differences: Difference[] = [];
  const add = (text: string): void => void differences.push({ invariant: 'dead letters', text });
  const poison = new Map(
    truth.accepted.filter((message) => message.poison).map((message) => [identityOf(message.id), message]),
  );
  const seen = new Map<string, number[]>();
  for (const { identity, code, payload, sourceSequence } of letters) {
    seen.set(identity, [...(seen.get(identity) ?? []), sourceSequence]);
    const message = poison.get(identity);
    if (message === undefined) add(`${identity} is there with code ${code} and was no poison`);
    else {
      if (message.poison?.codes.includes(code) !== true) add(`${identity} (${message.poison?.kind}) has code ${code}`);
      if (!sameBytes(payload, message.body)) add(`${identity} has not its original bytes`);
    }
  }
  for (const [identity, { poison: kind }] of poison) {
    // A producer that tried again may have put the message into its stream twice: each is a message of its own.
    const sequences = seen.get(identity) ?? [];
    const count = sequences.length - Math.max(0, new Set(sequences).size - 1);
    if (count !== 1) add(`${identity} (${kind?.kind}) is there ${count} times`);
  }
  return differences.slice(0, maxLines);
};

/** Nothing is acknowledged before it has committed, nothing is given up before its dead letter is stored. */
const checkAnswers = (truth: Truth, findings: Findings): Difference[] => {
  const differences: Difference[] = [];
  const committed = new Map<string, number>();
  const committedAt = new Map<number | undefined, number>();
  for (const { ledger } of findings.stored.values()) {
    for (const { id, committedMs } of ledger) {
      committed.set(id, committedMs);
      committedAt.set(sequenceIn(id), committedMs);
    }
  }
  const letters = new Map(findings.letters.map(({ identity, storedMs }) => [identity, storedMs]));
  for (const { kind, sequence, seenMs } of findings.answers) {
    const id = truth.idBySequence.get(sequence);
    if (id === undefined) continue;
    const storedMs = committed.get(identityOf(id)) ?? committedAt.get(sequence);
    const letterMs = letters.get(identityOf(id));
    const doneMs = kind === 'ack' ? storedMs : kind === 'term' ? letterMs : (storedMs ?? letterMs);
    if (doneMs !== undefined && Math.floor(doneMs) <= seenMs) continue;
    const what = { ack: 'committed', term: 'stored as a dead letter', gone: 'committed or stored as a dead letter' }[
      kind
    ];
    const when = doneMs === undefined ? 'was never' : `was ${Math.round(doneMs - seenMs)} ms later`;
    differences.push({ invariant: 'I7 ack after commit', text: `${id}: at its ${kind} it ${when} ${what}` });
  }
  return differences.slice(0, maxLines);
};

/** Far above what the faults of one round need, far below what a loop makes of a message. */
const maxDeliveries = 60;

const checkBounds = ({ bareNaks, mostDeliveries }: Findings): Difference[] => {
  const texts: string[] = [];
  if (bareNaks > 0) texts.push(`${bareNaks} deliveries were handed back without a delay`);
  if (mostDeliveries > maxDeliveries) texts.push(`a message was delivered ${mostDeliveries} times`);
  return texts.map((text) => ({ invariant: 'I6 bounded', text }));
};

/** The truth without those messages of which nobody knew, and of which not one row is there: nobody has them. */
const settleUnsure = (truth: Truth, findings: Findings): Truth => {
  const letters = new Set(findings.letters.map(({ identity, code }) => `${code} ${identity}`));
  const isThere = ({ id, state, poison }: HistoryMessage): boolean =>
    poison !== undefined
      ? poison.codes.some((code) => letters.has(`${code} ${identityOf(id)}`))
      : [...(findings.stored.get(state.stateId)?.rows.values() ?? [])].some((row) => row.get('message') === id);
  return { ...truth, accepted: truth.accepted.filter((message) => message.unsure !== true || isThere(message)) };
};

/** Compares what was published with what was read back; no difference means that every promise was kept. */
export const check = (published: Truth, findings: Findings): readonly Difference[] => {
  const truth = settleUnsure(published, findings);
  const differences: Difference[] = [];
  for (const state of truth.states) {
    const stored = findings.stored.get(state.stateId);
    if (stored === undefined) throw new Error(`the state ${state.name} was not read`);
    const messages = truth.accepted.filter((message) => message.state.stateId === state.stateId);
    differences.push(...checkState(state, messages, stored, truth));
  }
  differences.push(...checkForwards(truth, findings), ...checkLetters(truth, findings.letters));
  differences.push(...checkAnswers(truth, findings), ...checkBounds(findings));
  return differences;
};
