import { describe, expect, it } from 'vitest';
import { stateKey } from '../../../shared/state/state-key.ts';
import { check, type Findings, type Truth } from '../../chaos/check.ts';
import type { Received } from '../../chaos/downstream.ts';
import type { ChaosState, HistoryMessage, HistoryRow } from '../../chaos/history.ts';
import type { LedgerRow, StoredLetter, StoredState } from '../../chaos/observe.ts';
import { findHalves, type Snapshot } from '../../chaos/watch-snapshots.ts';
import type { SeenAnswer } from '../../chaos/watch-acks.ts';

const stateOf = (name: string, plan: Partial<ChaosState>): ChaosState => ({
  name,
  types: ['query_state_direct'],
  keyed: false,
  dedupe: false,
  dispatch: null,
  stateId: `state of ${name}`,
  outputRouteId: `route of ${name}`,
  inputRouteIds: [],
  ...plan,
});

const plain = stateOf('plain', {});
const keyed = stateOf('keyed', { keyed: true });
const batch = stateOf('batch', { dispatch: 'batch', inputRouteIds: ['to kept', 'to queue'] });
const single = stateOf('single', { dispatch: 'individual', inputRouteIds: ['to kept', 'to queue'] });
const nameless = stateOf('nameless', { dispatch: 'batch', inputRouteIds: ['to kept', 'to queue'], nameless: true });
const states = [plain, keyed, batch, single, nameless];

const rowOf = (message: string, row: number): HistoryRow => ({ message, row: String(row), size: '2', note: 'n' });
const keyOf = ({ message, row }: HistoryRow): string =>
  stateKey(
    new Map([
      ['message', message],
      ['row', row],
    ]),
  );
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const messageOf = (state: ChaosState, number: number): HistoryMessage => {
  const id = `${state.name}-${number}`;
  return { id, state, body: bytes(id), rows: [rowOf(id, 0), rowOf(id, 1)] };
};
const poison: HistoryMessage = {
  id: 'plain-bad',
  state: plain,
  body: bytes('no JSON'),
  rows: [],
  poison: { kind: 'no JSON', codes: ['invalid_json'] },
};

/** What a test may spoil: two messages of two rows in each state, one that cannot be stored, and all that came of them. */
interface Scene {
  accepted: HistoryMessage[];
  brokerRestarted: boolean;
  idBySequence: Map<number, string>;
  counts: Map<string, number>;
  rows: Map<string, Map<number, Map<string, string | null>>>;
  mapping: Map<string, { key: string; at: number }[]>;
  ledger: Map<string, LedgerRow[]>;
  letters: StoredLetter[];
  answers: SeenAnswer[];
  bareNaks: number;
  mostDeliveries: number;
  kept: Received[];
  queue: Received[];
}

const committedMs = 1_000;
const ackedMs = 2_000;

const identityIn = (idBySequence: ReadonlyMap<number, string>, state: ChaosState, id: string): string => {
  const sequence = [...idBySequence].find(([, known]) => known === id)?.[0];
  return `processor_state_sync/${state === nameless ? `${sequence}@1764112345000000001` : id}`;
};

const rightScene = (): Scene => {
  const accepted = [...states.flatMap((state) => [messageOf(state, 1), messageOf(state, 2)]), poison];
  const scene: Scene = {
    accepted,
    brokerRestarted: false,
    idBySequence: new Map(accepted.map(({ id }, index) => [index + 1, id])),
    counts: new Map(),
    rows: new Map(),
    mapping: new Map(),
    ledger: new Map(),
    letters: [
      {
        identity: 'processor_state_sync/plain-bad',
        code: 'invalid_json',
        payload: poison.body,
        storedMs: committedMs,
        sourceSequence: accepted.length,
      },
    ],
    answers: accepted.map(({ poison: bad }, index) => ({
      kind: bad === undefined ? 'ack' : 'term',
      sequence: index + 1,
      seenMs: ackedMs,
    })),
    bareNaks: 0,
    mostDeliveries: 60,
    kept: [],
    queue: [],
  };
  for (const state of states) {
    const sources = accepted.filter((message) => message.state === state).flatMap(({ rows }) => rows);
    scene.counts.set(state.name, sources.length);
    scene.rows.set(
      state.name,
      new Map(
        sources.map((row, at) => [
          at,
          new Map<string, string | null>([
            ...Object.entries(row),
            ...(state.keyed ? [['state_key', keyOf(row)] as const] : []),
          ]),
        ]),
      ),
    );
    scene.mapping.set(state.name, state.keyed ? sources.map((row, at) => ({ key: keyOf(row), at })) : []);
    scene.ledger.set(
      state.name,
      [1, 2].map((number) => ({
        id: identityIn(scene.idBySequence, state, `${state.name}-${number}`),
        start: (number - 1) * 2,
        rows: 2,
        forwarded: true,
        committedMs: committedMs,
      })),
    );
  }
  for (const [index, received] of [scene.kept, scene.queue].entries()) {
    for (const { id, state, rows } of accepted) {
      if (state.dispatch === null) continue;
      for (const part of state.dispatch === 'batch' ? [rows] : rows.map((row) => [row])) {
        const sequence = received.length + 1;
        const routeId = state.inputRouteIds[index]!;
        received.push({ sequence, id: `${id}/${part[0]!.row}`, routeId, rows: part });
      }
    }
  }
  return scene;
};

const judge = (scene: Scene): readonly string[] => {
  const stored = new Map<string, StoredState>(
    states.map(({ name, stateId }) => [
      stateId,
      {
        count: scene.counts.get(name)!,
        rows: scene.rows.get(name)!,
        mapping: scene.mapping.get(name)!,
        ledger: scene.ledger.get(name)!,
      },
    ]),
  );
  const truth: Truth = { ...scene, states };
  const findings: Findings = {
    stored,
    letters: scene.letters,
    answers: scene.answers,
    bareNaks: scene.bareNaks,
    mostDeliveries: scene.mostDeliveries,
    received: [
      { stream: 'kept', keepsIds: true, messages: scene.kept },
      { stream: 'queue', keepsIds: false, messages: scene.queue },
    ],
  };
  return check(truth, findings).map(({ invariant, text }) => `${invariant}: ${text}`);
};

const change = <T extends object>(items: T[], at: number, changed: Partial<T>): void => {
  items[at] = { ...items[at]!, ...changed };
};

const cases: readonly (readonly [string, (scene: Scene) => void, readonly string[]])[] = [
  [
    'I1: a message that is nowhere',
    ({ rows, counts, ledger }) => {
      rows.get('plain')!.delete(2);
      rows.get('plain')!.delete(3);
      counts.set('plain', 2);
      ledger.get('plain')!.pop();
    },
    [
      'I1 no loss: plain: 2 rows are stored, 4 were sent',
      'I1 no loss: plain: plain-2 has 0 of 2 rows',
      'I1 no loss: plain: plain-2 is not in the ledger',
      'I7 ack after commit: plain-2: at its ack it was never committed',
    ],
  ],
  [
    'I1: a message that is stored and not in the ledger',
    ({ ledger, answers }) => {
      ledger.get('plain')!.pop();
      answers.splice(1, 1);
    },
    ['I1 no loss: plain: plain-2 is not in the ledger'],
  ],
  [
    'I2: a message that is stored twice',
    ({ rows, counts }) => {
      rows.get('plain')!.set(4, new Map(Object.entries(rowOf('plain-2', 0))));
      rows.get('plain')!.set(5, new Map(Object.entries(rowOf('plain-2', 1))));
      counts.set('plain', 6);
    },
    [
      'I2 no duplicate: plain: 6 rows are stored, 4 were sent',
      'I2 no duplicate: plain: plain-2 is stored again at 4',
      'I2 no duplicate: plain: plain-2 is stored again at 5',
    ],
  ],
  [
    'I2: a row of a message that was never sent to the state',
    ({ rows }) => void rows.get('plain')!.get(3)!.set('message', 'keyed-1'),
    [
      'I2 no duplicate: plain: row 3 is of keyed-1, which nobody sent to this state',
      'I3 atomic: plain: plain-2 has 1 of 2 rows',
    ],
  ],
  [
    'I2: positions with a gap',
    ({ rows }) => {
      const stored = rows.get('plain')!;
      stored.set(9, stored.get(3)!);
      stored.delete(3);
    },
    [
      'I2 no duplicate: plain: there is no row at 3: the positions are not contiguous',
      'I3 atomic: plain: plain-2 has 1 of 2 rows',
    ],
  ],
  [
    'I2: a ledger that knows another place',
    ({ ledger }) => change(ledger.get('plain')!, 1, { start: 3 }),
    ['I2 no duplicate: plain: the ledger says 2 rows at 3 of plain-2, which is at 2'],
  ],
  [
    'I2: a ledger with a delivery that nobody sent',
    ({ ledger }) =>
      void ledger.get('plain')!.push({ id: 'other', start: null, rows: 0, forwarded: true, committedMs: 0 }),
    ['I2 no duplicate: plain: the ledger has 3 deliveries, 2 were sent'],
  ],
  [
    'I3: a cell with another value',
    ({ rows }) => void rows.get('plain')!.get(3)!.set('note', 'm'),
    ['I3 atomic: plain: row 3 of plain-2 has another note than was sent'],
  ],
  [
    'I3: a cell that is not there',
    ({ rows }) => void rows.get('plain')!.get(3)!.delete('note'),
    ['I3 atomic: plain: row 3 of plain-2 has another note than was sent'],
  ],
  [
    'I4: a forward that never came',
    ({ kept }) => void kept.splice(5, 1),
    ['I4 forwards: kept got to kept single-2 1 0 times'],
  ],
  [
    'I4: a forward that came under two ids',
    ({ kept }) => void kept.push({ ...kept[0]!, sequence: 99, id: 'another' }),
    ['I4 forwards: kept got to kept batch-1 0,1 2 times'],
  ],
  [
    'I4: the same id twice in the stream that keeps its ids',
    ({ kept, ...scene }) => {
      scene.brokerRestarted = true;
      kept.push({ ...kept[0]!, sequence: 99 });
    },
    ['I4 forwards: kept has batch-1/0 at 1 and at 99', 'I4 forwards: kept got to kept batch-1 0,1 2 times'],
  ],
  [
    'I4: the same id twice in the work queue of a broker that never restarted',
    ({ queue }) => void queue.push({ ...queue[0]!, sequence: 99 }),
    ['I4 forwards: queue has batch-1/0 at 1 and at 99', 'I4 forwards: queue got to queue batch-1 0,1 2 times'],
  ],
  [
    'I4: other values than were sent',
    ({ kept }) => change(kept, 2, { rows: [{ ...kept[2]!.rows[0]!, note: 'm' }] }),
    ['I4 forwards: kept got other values of single-1 than were sent'],
  ],
  [
    'I4: half of a batch',
    ({ kept }) => change(kept, 0, { rows: kept[0]!.rows.slice(0, 1) }),
    ['I4 forwards: kept got what nobody sent: to kept batch-1 0', 'I4 forwards: kept got to kept batch-1 0,1 0 times'],
  ],
  [
    'I4: a ledger that does not know of the forwards',
    ({ ledger }) => change(ledger.get('batch')!, 0, { forwarded: false }),
    ['I4 forwards: batch: the ledger does not say that batch-1 was forwarded'],
  ],
  [
    'I5: messages in another order',
    ({ accepted }) => void accepted.splice(0, 2, accepted[1]!, accepted[0]!),
    ['I5 order: plain: plain-1 is stored where plain-2 was sent'],
  ],
  [
    'I7: an ack before the commit',
    ({ answers }) => change(answers, 0, { seenMs: committedMs - 5 }),
    ['I7 ack after commit: plain-1: at its ack it was 5 ms later committed'],
  ],
  [
    'I7: a term before the dead letter',
    ({ answers }) => change(answers, 10, { seenMs: committedMs - 5 }),
    ['I7 ack after commit: plain-bad: at its term it was 5 ms later stored as a dead letter'],
  ],
  [
    'I7: a term of a message that was stored',
    ({ answers }) => change(answers, 0, { kind: 'term' }),
    ['I7 ack after commit: plain-1: at its term it was never stored as a dead letter'],
  ],
  [
    'I7: an ack of a refused message as gone, before its dead letter',
    ({ answers }) => change(answers, 10, { kind: 'gone', seenMs: committedMs - 5 }),
    ['I7 ack after commit: plain-bad: at its gone it was 5 ms later committed or stored as a dead letter'],
  ],
  [
    'I1: a confirmed message without an id that is in the ledger under another place',
    ({ ledger }) => change(ledger.get('nameless')!, 1, { id: 'processor_state_sync/99@1764112345000000001' }),
    [
      'I1 no loss: nameless: nameless-2 is not in the ledger',
      'I7 ack after commit: nameless-2: at its ack it was never committed',
    ],
  ],
  [
    'I2: a message without an id and without a confirmation that is stored twice',
    ({ accepted, rows, counts, ledger }) => {
      change(accepted, 9, { unsure: true });
      rows.get('nameless')!.set(4, new Map(Object.entries(rowOf('nameless-2', 0))));
      rows.get('nameless')!.set(5, new Map(Object.entries(rowOf('nameless-2', 1))));
      counts.set('nameless', 6);
      ledger.get('nameless')!.push({ ...ledger.get('nameless')![1]!, start: 4, id: 'other' });
    },
    [
      'I2 no duplicate: nameless: 6 rows are stored, 4 were sent',
      'I2 no duplicate: nameless: nameless-2 is stored again at 4',
      'I2 no duplicate: nameless: nameless-2 is stored again at 5',
      'I2 no duplicate: nameless: the ledger has 3 deliveries, 2 were sent',
    ],
  ],
  [
    'I3: half of a message without an id and without a confirmation',
    ({ accepted, rows, counts }) => {
      change(accepted, 9, { unsure: true });
      rows.get('nameless')!.delete(3);
      counts.set('nameless', 3);
    },
    ['I1 no loss: nameless: 3 rows are stored, 4 were sent', 'I3 atomic: nameless: nameless-2 has 1 of 2 rows'],
  ],
  [
    'I6: a delivery that was handed back at once',
    (scene) => void (scene.bareNaks = 1),
    ['I6 bounded: 1 deliveries were handed back without a delay'],
  ],
  [
    'I6: a message that goes round and round',
    (scene) => void (scene.mostDeliveries = 61),
    ['I6 bounded: a message was delivered 61 times'],
  ],
  [
    'a dead letter that is there twice',
    ({ letters }) => void letters.push(letters[0]!),
    ['dead letters: processor_state_sync/plain-bad (no JSON) is there 2 times'],
  ],
  [
    'a dead letter that is missing',
    ({ letters, answers }) => {
      letters.pop();
      answers.pop();
    },
    ['dead letters: processor_state_sync/plain-bad (no JSON) is there 0 times'],
  ],
  [
    'a dead letter with another code',
    ({ letters }) => change(letters, 0, { code: 'unknown_type' }),
    ['dead letters: processor_state_sync/plain-bad (no JSON) has code unknown_type'],
  ],
  [
    'a dead letter with other bytes',
    ({ letters }) => change(letters, 0, { payload: bytes('no json') }),
    ['dead letters: processor_state_sync/plain-bad has not its original bytes'],
  ],
  [
    'a dead letter of a good message',
    ({ letters }) => void letters.push({ ...letters[0]!, identity: 'processor_state_sync/plain-1' }),
    ['dead letters: processor_state_sync/plain-1 is there with code invalid_json and was no poison'],
  ],
  [
    'a count that is not the number of rows',
    ({ counts }) => void counts.set('plain', 5),
    ['count: plain: count is 5, there are 4 rows'],
  ],
  [
    'a key without a row of its own',
    ({ mapping }) => change(mapping.get('keyed')!, 3, { at: 2 }),
    [`mapping: keyed: key ${keyOf(rowOf('keyed-2', 1))} leads to 2, which has another`],
  ],
  [
    'a key that is not mapped',
    ({ mapping }) => void mapping.get('keyed')!.pop(),
    ['mapping: keyed: 3 mapping rows for 4 keys'],
  ],
];

describe('the checker of the fault suite', () => {
  it('finds nothing if all is right', () => {
    expect(judge(rightScene())).toEqual([]);
  });

  it.each(cases)('finds %s, and nothing else', (_name, spoil, differences) => {
    const scene = rightScene();
    spoil(scene);
    expect(judge(scene)).toEqual(differences);
  });

  it('takes two dead letters of one id for right if a producer that tried again has put it into its stream twice', () => {
    const scene = rightScene();
    scene.letters.push({ ...scene.letters[0]!, sourceSequence: scene.letters[0]!.sourceSequence + 100 });
    expect(judge(scene)).toEqual([]);
  });

  it('takes a message without an id and without a confirmation for one that is there or not', () => {
    const there = rightScene();
    change(there.accepted, 8, { unsure: true });
    there.idBySequence.delete(9);
    expect(judge(there)).toEqual([]);
    const absent = rightScene();
    absent.accepted.splice(10, 0, { ...messageOf(nameless, 3), unsure: true });
    expect(judge(absent)).toEqual([]);
  });

  it('lets a work queue repeat an id after its broker was restarted', () => {
    const scene = rightScene();
    scene.brokerRestarted = true;
    scene.queue.push({ ...scene.queue[0]!, sequence: 99 });
    expect(judge(scene)).toEqual([]);
  });
});

describe('the judgement of a snapshot', () => {
  const whole: Snapshot = {
    count: 3,
    columns: 2,
    ledger: [
      { id: 'a', start: 0, rows: 1 },
      { id: 'b', start: 1, rows: 2 },
    ],
    cells: [
      { at: 0, number: 2 },
      { at: 1, number: 2 },
      { at: 2, number: 2 },
    ],
    mapped: [0, 1, 2],
  };
  const spoilt: readonly (readonly [string, Partial<Snapshot>, string])[] = [
    [
      'a row without a cell',
      { cells: [...whole.cells!.slice(0, 2), { at: 2, number: 1 }] },
      'b shows 1 of 2 cells at 2',
    ],
    ['a row without any cell', { cells: whole.cells!.slice(0, 2) }, 'b shows 0 of 2 cells at 2'],
    ['a row without its key', { mapped: [0, 1] }, 'b has no mapping at 2'],
    ['a count beside the ledger', { count: 2 }, 'the count is 2, the ledger ends at 3'],
    [
      'cells without a delivery',
      { cells: [...whole.cells!, { at: 3, number: 2 }] },
      "there are cells at 3, beyond the ledger's end 3",
    ],
    [
      'a gap between two deliveries',
      {
        ledger: [
          { id: 'a', start: 0, rows: 1 },
          { id: 'b', start: 2, rows: 1 },
        ],
      },
      'b begins at 2, the delivery before it ends at 1',
    ],
  ];

  it('finds nothing in a whole one, nor in that of an empty state', () => {
    expect(findHalves(keyed, whole)).toEqual([]);
    expect(findHalves(keyed, { count: 0, columns: 0, ledger: null, cells: null, mapped: null })).toEqual([]);
  });

  it.each(spoilt)('finds %s, and nothing else', (_name, part, difference) => {
    expect(findHalves(keyed, { ...whole, ...part })).toEqual([difference]);
  });
});
