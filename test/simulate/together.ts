import type { BatchFailure, PostedMessage } from '../../infra/connector/dispatch/protocol.ts';
import type { ReceivedMessage } from '../../infra/connector/intake/received-message.ts';
import { mayBegin, type Tenure } from '../../infra/connector/lease/tenure.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import { defaultLimits } from '../../shared/routing/default-triggers.ts';
import type { TriggerLimits } from '../../shared/routing/routing.ts';
import { createModelBucket } from './model-bucket.ts';
import { createModelConnector, type ModelConnector } from './model-connector.ts';
import { createModelFunctions, type Call } from './model-functions.ts';
import {
  createModelMember,
  type FromBucket,
  type ModelMember,
  type ToBucket,
  type ToMember,
  type ToServer,
} from './model-member.ts';
import { createModelPulls, type WaitingPull } from './model-pulls.ts';
import { createModelServer, type AnswerOnTheWire, type Entry, type MessageKind } from './model-server.ts';

export interface TogetherPlan {
  readonly messages: readonly { readonly key: string; readonly kind: MessageKind }[];
  readonly seed: number;
  /** Messages that a connector may hold. */
  readonly room: number;
  readonly ackWaitMs: number;
  readonly ttlMs: number;
  /** How fast the clock of each connector runs; the fastest is a tenth faster than the slowest at most. */
  readonly rates: readonly number[];
  readonly serverRate: number;
}

/** One thing that can happen next. */
interface Action {
  readonly name: string;
  readonly act: (choice: number) => void;
}

/** A word on its way to the server. */
interface Sent {
  readonly connection: number;
  readonly sentMs: number;
  readonly word: ToServer;
}

/** The place of one connector: a process after the other runs there. */
interface Place {
  readonly index: number;
  readonly rate: number;
  /** Undefined between two processes. */
  member: ModelMember | undefined;
  lives: number;
  frozenUntilMs: number;
  /** Which of its connections to the server is the present one. */
  connection: number;
  isConnected: boolean;
  /** Whether the network keeps back what goes to the server and comes from it. */
  isHeld: boolean;
  bucket: 'open' | 'slow' | 'cut';
  toServer: Sent[];
  fromServer: ToMember[];
  toBucket: { readonly of: ModelMember; readonly call: number; readonly request: ToBucket }[];
  fromBucket: { readonly of: ModelMember; readonly call: number; readonly answer: FromBucket }[];
}

interface Working {
  readonly place: Place;
  readonly member: ModelMember;
  readonly work: ModelConnector;
  readonly tenure: Tenure;
  readonly rejected: Set<string>;
}

const fixedLimits = {
  ...defaultLimits,
  maxBatchMessages: 3,
  maxConcurrentRequests: 3,
  maxInFlightBytes: 1_000_000,
  maxAttempts: 4,
  backoffMaxMs: 2_000,
};
const calmSteps = 6_000;
const smoothSteps = 12;
const startMs = 1_000_000;
/** With longer ack waits than this nothing may ever wait for one. */
const shortAckWaitMs = 60_000;
/** So long after the last fault everything that was in other hands is handed back. */
const takeoverMs = 30_000;

const badKinds: ReadonlySet<MessageKind> = new Set(['unknown', 'refused', 'unreadable']);

/**
 * Several connectors that read one durable in turns, the key of their lease, the stream with its consumer, and the functions with their
 * ledger; each connector has a clock of its own. Somebody else decides which step is next. What is wrong is said by the number of
 * the promise (infra/connector/README.md, C1 to C5 and L1 to L8).
 */
export const createTogether = (plan: TogetherPlan) => {
  const limits: TriggerLimits = { ...fixedLimits, maxInFlightMessages: plan.room };
  const server = createModelServer(plan.messages, plan.ackWaitMs);
  const pulls = createModelPulls();
  const bucket = createModelBucket();
  const functions = createModelFunctions();
  const faults = new Set<string>();
  const trace: string[] = [];
  const byId = new Map<string, Entry>(server.entries.map((entry) => [entry.id, entry]));
  const letters = new Set<string>();
  const terms = new Map<number, Working>();
  const calls: Call[] = [];
  const healthChecks: { readonly requestId: number; readonly life: number }[] = [];
  let giving: { readonly message: ReceivedMessage; readonly life: number }[] = [];
  /** Words of connections that are broken: the network may still bring them. */
  let stray: Sent[] = [];
  const unsubscribed = new Set<number>();
  const mostBeyond = new Map<number, number>();
  let nowMs = startMs;
  let lastId = 0;
  let isOrderPromised = true;
  let isCalm = false;
  let calmFromMs = 0;

  const nextId = (): number => (lastId += 1);
  const fault = (text: string): void => void faults.add(text);
  const note = (text: string): void => void trace.push(text);
  const clockOf = ({ rate, index }: Place): number => nowMs * rate + index * 7_777;

  // ------------------------------------------------------------------ what a connector reaches

  const sendTo = (place: Place, word: ToServer): void => {
    if (word.kind === 'unsubscribe') unsubscribed.add(word.inbox);
    if (place.isConnected) place.toServer.push({ connection: place.connection, sentMs: nowMs, word });
  };
  const sendAnswer = (life: number, answer: AnswerOnTheWire): void => {
    const { place, member } = terms.get(life)!;
    const isSign = answer.kind === 'working' || answer.kind === 'hand_back';
    if (isSign && member.lease.remainingMs(clockOf(place)) === 0)
      fault(`L3: ${member.own} gives a sign of life for ${answer.sequence}, and its lease is over`);
    sendTo(place, { kind: 'answer', answer });
  };

  const checkPost = (life: number, entries: readonly Entry[]): void => {
    const { member, place, work, rejected } = terms.get(life)!;
    const named = entries.map(({ id }) => id).join(' ');
    if (member.lease.remainingMs(clockOf(place)) === 0)
      fault(`L3: ${member.own} sends ${named}, and its lease is over`);
    const keys = new Set(entries.map(({ key }) => key));
    for (const call of calls) {
      if (call.life !== life || !call.isAwaited) continue;
      for (const { key } of call.entries) if (keys.has(key)) fault(`C2: two requests hold messages of ${key}`);
    }
    const isDone = ({ id, isRemoved, kind }: Entry): boolean =>
      isRemoved || kind === 'unreadable' || functions.isStored(id) || rejected.has(id);
    for (const [at, entry] of entries.entries()) {
      const sent = entries.slice(0, at);
      const undone = server.entries.find(
        (other) =>
          other.key === entry.key && other.sequence < entry.sequence && !isDone(other) && !sent.includes(other),
      );
      if (undone !== undefined && isOrderPromised && !work.hasLostPatience) {
        fault(`C3: ${member.own} sends ${entry.id} before ${undone.id}`);
      }
    }
  };
  const post = (life: number, requestId: number, messages: readonly PostedMessage[]): void => {
    const entries = messages.map(({ message }) => byId.get(message.id)!);
    checkPost(life, entries);
    const { place, member } = terms.get(life)!;
    note(`${member.own} posts ${requestId}: ${entries.map(({ id }) => id).join(' ')}`);
    calls.push({ requestId, life, process: place.index, entries, isAwaited: true, outcomes: undefined });
  };

  let answered: ReadonlyMap<string, Outcome> = new Map();
  const makeWork = (place: Place, life: number, tenure: Tenure): ModelConnector => {
    const rejected = new Set<string>();
    const work = createModelConnector(
      {
        seed: plan.seed + life,
        limits,
        tenure,
        ackWaitMs: plan.ackWaitMs,
        generationOf: () => 1,
        entryOf: ({ sequence }) => server.entries[sequence - 1]!,
      },
      {
        nowMs: () => clockOf(place),
        position: () => sightOf(),
        nextStored: server.nextStored,
        isReachable: () => place.isConnected && !place.isHeld,
        send: (answer) => sendAnswer(life, answer),
        post: (requestId, messages) => post(life, requestId, messages),
        checkHealth: (requestId) => void healthChecks.push({ requestId, life }),
        abortRequests: () => {
          for (const call of calls) if (call.life === life) call.isAwaited = false;
        },
        onAck: (messages) => {
          for (const message of messages) {
            if (answered.get(message.id)?.outcome !== 'ack') fault(`C1: ${message.id} is acknowledged unasked`);
            work.settle('ack', message);
          }
        },
        onReject: (message, code) => {
          note(`reject ${message.id}: ${code}`);
          const { kind } = byId.get(message.id)!;
          if (!badKinds.has(kind)) fault(`C8: ${message.id} is given up: ${code}`);
          rejected.add(message.id);
          giving.push({ message, life });
        },
      },
    );
    terms.set(life, { place, member: place.member!, work, tenure, rejected });
    if (tenure.remainingMs() > 0) checkPulls(place);
    return work;
  };

  /** When a term begins, no request that another one sent waits at the server, unless the network kept it back (L4). */
  const checkPulls = (place: Place): void => {
    const others = pulls.waiting.filter(
      ({ connection, inbox, isLate }) => connection !== place.connection && !isLate && !unsubscribed.has(inbox),
    );
    if (others.length > 0) fault(`L4: a request of another one waits when ${place.member!.own} begins`);
  };

  const askBucket = (place: Place, call: number, request: ToBucket): void => {
    const of = place.member!;
    if (place.bucket === 'cut') return;
    if (place.bucket === 'slow') place.toBucket.push({ of, call, request });
    else place.fromBucket.push({ of, call, answer: serveBucket(request) });
  };
  const serveBucket = (request: ToBucket, isBehind = false): FromBucket =>
    request.kind === 'read'
      ? { kind: 'read', sight: bucket.read(isBehind) }
      : { kind: 'written', revision: bucket.write(request.text, request.revision) };

  const startMember = (place: Place): void => {
    place.lives += 1;
    place.connection = nextId();
    place.isConnected = true;
    place.isHeld = false;
    place.frozenUntilMs = 0;
    place.member = createModelMember({
      own: `${'abc'[place.index]!}${place.lives}`,
      ttlMs: plan.ttlMs,
      nowMs: () => clockOf(place),
      makeWork: (life, tenure) => makeWork(place, life, tenure),
      nextId,
      toServer: (word) => sendTo(place, word),
      askBucket: (call, request) => askBucket(place, call, request),
      isConnected: () => place.isConnected,
      isInFlight: ({ id }) =>
        calls.some(({ life, isAwaited }) => life === id && isAwaited) || giving.some(({ life }) => life === id),
      fault,
      note,
    });
  };
  const places: readonly Place[] = plan.rates.map((rate, index) => ({
    index,
    rate,
    member: undefined,
    lives: 0,
    frozenUntilMs: 0,
    connection: 0,
    isConnected: true,
    isHeld: false,
    bucket: 'open',
    toServer: [],
    fromServer: [],
    toBucket: [],
    fromBucket: [],
  }));
  for (const place of places) startMember(place);

  /** Whether this connector does anything at all now. */
  const isAwake = ({ member, frozenUntilMs }: Place): boolean => member !== undefined && frozenUntilMs <= nowMs;
  /** Whether the process that sent something in that term still runs, and is not frozen. */
  const hears = ({ place, member }: Working): boolean => place.member === member && isAwake(place);

  // ------------------------------------------------------------------ the server

  const sightOf = () => {
    const position = server.position();
    return { ...position, consumer: { ...position.consumer, waiting: pulls.waiting.length } };
  };
  const placeOf = (connection: number): Place | undefined =>
    places.find((place) => place.connection === connection && place.isConnected);

  const hear = ({ connection, sentMs, word }: Sent): void => {
    if (word.kind === 'answer') return hearAnswer(word.answer);
    if (word.kind === 'unsubscribe') return pulls.drop(({ inbox }) => inbox === word.inbox);
    const place = placeOf(connection);
    if (word.kind === 'look') {
      place?.fromServer.push({ kind: 'sight', look: word.look, sight: sightOf() });
      return;
    }
    const { inbox, messages: left, expiresMs } = word;
    const endsAtMs = nowMs + expiresMs / plan.serverRate;
    pulls.add({ connection, inbox, left, endsAtMs, isLate: nowMs > sentMs });
  };
  const hearAnswer = (answer: AnswerOnTheWire): void => {
    const entry = server.entries[answer.sequence - 1];
    if (answer.generation !== 0 && entry !== undefined) {
      if (answer.kind === 'ack' && !functions.isStored(entry.id))
        fault(`C1: ${entry.id} is acknowledged and not stored`);
      if (answer.kind === 'term' && !letters.has(entry.id)) fault(`C5: ${entry.id} ended without its letter`);
    }
    server.answer(answer, nowMs);
  };

  const hearStray = (): void => hear(stray.shift()!);

  const deliver = (pull: WaitingPull, sequence: number): void => {
    checkForgotten(sequence);
    const delivery = server.deliver(sequence, nowMs);
    if (delivery === undefined) return;
    pulls.serve(pull);
    const place = placeOf(pull.connection);
    note(`${sequence} goes to ${place?.member?.own ?? 'nobody'}`);
    place?.fromServer.push({ kind: 'delivery', inbox: pull.inbox, delivery });
  };
  /** Nothing waits for its ack wait once faults have ended: what one had and did not settle is handed back (L5). */
  const checkForgotten = (sequence: number): void => {
    if (!isCalm || plan.ackWaitMs < shortAckWaitMs) return;
    if (!server.isForgotten(sequence, calmFromMs + takeoverMs, nowMs)) return;
    fault(`L5: ${sequence} waited for its ack wait`);
  };
  const expirePulls = (): void => {
    for (const { connection, inbox } of pulls.expire(nowMs)) {
      placeOf(connection)?.fromServer.push({ kind: 'pull_ended', inbox });
    }
  };

  // ------------------------------------------------------------------ the functions

  const removeCall = (call: Call): void => void calls.splice(calls.indexOf(call), 1);
  const failCall = (call: Call, failure: BatchFailure): void => {
    const of = terms.get(call.life)!;
    call.isAwaited = false;
    note(`request ${call.requestId} of ${of.member.own} ${failure.kind}`);
    if (of.place.member !== of.member) return;
    of.work.feed({ type: 'batch_failed', requestId: call.requestId, failure });
    of.member.wake();
  };
  const answerCall = (call: Call, outcomes: readonly Outcome[]): void => {
    const of = terms.get(call.life)!;
    removeCall(call);
    if (!call.isAwaited || of.place.member !== of.member) return;
    call.isAwaited = false;
    note(
      `request ${call.requestId} of ${of.member.own}: ${outcomes.map(({ id, outcome }) => `${id} ${outcome}`).join(', ')}`,
    );
    answered = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
    of.work.feed({ type: 'batch_answered', requestId: call.requestId, status: 200, outcomes: answered });
    answered = new Map();
    of.member.wake();
  };
  const workOn = (call: Call): void => {
    call.outcomes = functions.work(call);
  };

  const storeLetter = (given: (typeof giving)[number]): void => {
    const { message, life } = given;
    const of = terms.get(life)!;
    giving = giving.filter((each) => each !== given);
    if (of.place.member !== of.member || of.tenure.isOver()) return;
    if (of.member.lease.remainingMs(clockOf(of.place)) === 0)
      fault(`L3: ${of.member.own} stores a dead letter, and its lease is over`);
    letters.add(message.id);
    of.work.settle('term', message);
    of.member.wake();
  };

  // ------------------------------------------------------------------ what can happen

  const stopProcess = (place: Place): void => {
    const { member } = place;
    for (const call of calls) if (terms.get(call.life)!.member === member) call.isAwaited = false;
    giving = giving.filter(({ life }) => terms.get(life)!.member !== member);
    place.member = undefined;
    place.fromBucket = [];
  };
  /** @param choice whether what is under way is heard, lost or comes late, and whether the server notices */
  const breakConnection = (place: Place, choice: number): void => {
    const sent = place.toServer;
    place.toServer = [];
    place.fromServer = [];
    place.isConnected = false;
    place.isHeld = false;
    if (choice % 3 === 0) for (const each of sent) hear(each);
    else if (choice % 3 === 1) stray = [...stray, ...sent];
    if (choice % 2 === 0) pulls.drop(({ connection }) => connection === place.connection);
  };

  const checkReaders = (): void => {
    const readers = places.filter(
      (place) => place.member !== undefined && place.member.lease.remainingMs(clockOf(place)) > 0,
    );
    if (readers.length > 1) fault(`L1: ${readers.map(({ member }) => member!.own).join(' and ')} read`);
  };
  const moveTo = (atMs: number): void => {
    nowMs = Math.max(nowMs, atMs);
    expirePulls();
    checkReaders();
  };

  /** Of what was handed back, some may be held beyond the room: as many as there ever were, and what comes in the last one's place. */
  const checkRoom = ({ term }: ModelMember): void => {
    if (term === undefined) return;
    const { beyond, heldMessages } = term.work;
    mostBeyond.set(term.id, Math.max(mostBeyond.get(term.id) ?? 0, beyond));
    if (heldMessages <= limits.maxInFlightMessages + mostBeyond.get(term.id)!) return;
    fault('C12: more is held than there is room for');
  };

  const shiftSome = <T>(queue: T[], choice: number): readonly T[] => queue.splice(0, 1 + (choice % queue.length));

  const progressOf = (place: Place, add: (name: string, act: (choice: number) => void) => void): void => {
    const { member } = place;
    const name = member?.own ?? 'abc'[place.index]!;
    if (place.toServer.length > 0 && !place.isHeld) {
      add(`the server hears ${name}`, (choice) => {
        for (const sent of shiftSome(place.toServer, choice)) hear(sent);
      });
    }
    if (place.toBucket.length > 0) {
      add(`the bucket hears ${name}`, (choice) => {
        const { of, call, request } = place.toBucket.shift()!;
        place.fromBucket.push({ of, call, answer: serveBucket(request, choice % 4 === 0) });
      });
    }
    if (place.isHeld) add(`the network to ${name} is open`, () => void (place.isHeld = false));
    if (place.bucket !== 'open') add(`${name} reaches the bucket`, () => void (place.bucket = 'open'));
    if (member === undefined) return add(`${name} starts`, () => startMember(place));
    if (!isAwake(place)) return;
    if (!place.isConnected) {
      add(`${name} connects`, () => {
        place.isConnected = true;
        place.connection = nextId();
        member.reconnected();
      });
    }
    if (place.fromServer.length > 0 && !place.isHeld) {
      add(`${name} hears the server`, (choice) => {
        for (const word of shiftSome(place.fromServer, choice)) {
          member.hears(word);
          checkRoom(member);
        }
      });
    }
    if (place.fromBucket.length > 0) {
      add(`${name} hears the bucket`, () => {
        const { of, call, answer } = place.fromBucket.shift()!;
        if (of === member) member.hearsOfBucket(call, answer);
      });
    }
    if (member.nextTimeMs() <= clockOf(place)) add(`${name} ticks`, () => member.tick());
    if (member.hasEnded) {
      add(`${name} ends`, () => {
        breakConnection(place, 0);
        stopProcess(place);
      });
    }
  };

  /** What brings the work forward. */
  const progress = (): readonly Action[] => {
    const actions: Action[] = [];
    const add = (name: string, act: (choice: number) => void): void => void actions.push({ name, act });
    for (const place of places) progressOf(place, add);
    if (stray.length > 0 && isCalm) add('a late word comes', hearStray);
    const deliverable = server.deliverable(nowMs)[0];
    const { waiting } = pulls;
    if (deliverable !== undefined && waiting.length > 0) {
      add('deliver', (choice) => deliver(waiting[choice % waiting.length]!, deliverable));
    }
    for (const call of calls) {
      const { outcomes } = call;
      if (outcomes === undefined) add('work', () => workOn(call));
      else if (!call.isAwaited || hears(terms.get(call.life)!)) add('answer', () => answerCall(call, outcomes));
    }
    for (const check of healthChecks) {
      const of = terms.get(check.life)!;
      add('health', () => {
        healthChecks.splice(healthChecks.indexOf(check), 1);
        if (hears(of)) of.work.feed({ type: 'health_answered', requestId: check.requestId, isAlive: true });
      });
    }
    for (const given of giving) {
      const of = terms.get(given.life)!;
      const mayStore = hears(of) && (of.tenure.isOver() || mayStoreLetter(of));
      if (mayStore) add('store a dead letter', () => storeLetter(given));
    }
    if (functions.isDatabaseAway) add('the database is back', () => functions.setDatabaseAway(false));
    return actions;
  };
  const mayStoreLetter = ({ tenure }: Working): boolean => mayBegin(tenure);

  const passTime = (): Action => ({
    name: 'time passes',
    act: (choice) => {
      const times = places.flatMap((place) => {
        if (place.member === undefined) return [];
        if (place.frozenUntilMs > nowMs) return [place.frozenUntilMs];
        return [nowMs + (place.member.nextTimeMs() - clockOf(place)) / place.rate];
      });
      times.push(server.nextDeadlineMs(nowMs) ?? Infinity, ...pulls.waiting.map(({ endsAtMs }) => endsAtMs));
      const soonest = Math.min(...times);
      const next = Number.isFinite(soonest) ? Math.max(soonest, nowMs + 1) : nowMs + 1_000;
      moveTo(choice % 4 === 0 && !isCalm ? nowMs + (choice % 2_000) : next);
    },
  });

  const smoothly = (): Action => ({
    name: 'all goes well for a while',
    act: (choice) => {
      for (let steps = 0; steps < smoothSteps; steps += 1) {
        const actions = progress();
        takeOne(actions.length > 0 ? actions : [passTime()], choice + steps * 7);
      }
    },
  });

  const troublesOf = (place: Place, add: (name: string, act: (choice: number) => void) => void): void => {
    const { member } = place;
    if (member === undefined) return;
    const name = member.own;
    add(`${name} freezes`, (choice) => void (place.frozenUntilMs = nowMs + 500 + (choice % 24) * 500));
    add(`${name} is killed`, (choice) => {
      breakConnection(place, choice);
      stopProcess(place);
    });
    if (!member.isStopped && isAwake(place)) {
      add(`${name} is told to end`, () => member.stop());
      if (member.term !== undefined) add(`${name} is told to pass its durable on`, () => member.passOn());
    }
    const pull = place.toServer.find(({ word }) => word.kind === 'pull');
    if (pull !== undefined) {
      add(`the network keeps a request of ${name} back`, () => {
        place.toServer = place.toServer.filter((sent) => sent !== pull);
        stray.push(pull);
      });
    }
    if (!place.isHeld) add(`the network to ${name} keeps everything back`, () => void (place.isHeld = true));
    if (place.isConnected) add(`the connection of ${name} breaks`, (choice) => breakConnection(place, choice));
    if (place.bucket === 'open') {
      add(`${name} is cut off from the bucket`, () => void (place.bucket = 'cut'));
      add(`the bucket is slow for ${name}`, () => void (place.bucket = 'slow'));
      add(`${name} is cut off from everything`, () => {
        place.bucket = 'cut';
        place.isHeld = true;
      });
    }
  };

  /** What goes wrong. */
  const troubles = (): readonly Action[] => {
    const actions: Action[] = [];
    const add = (name: string, act: (choice: number) => void): void => void actions.push({ name, act });
    for (const place of places) troublesOf(place, add);
    for (const call of calls) {
      if (!call.isAwaited || !hears(terms.get(call.life)!)) continue;
      // The request is lost, or its answer is, or it is only late: the function works on.
      if (call.entries.length > 1) add('time out', () => failCall(call, { kind: 'timeout', reason: 'late' }));
      if (call.outcomes === undefined) {
        add('nobody takes it', (choice) => {
          removeCall(call);
          failCall(call, { kind: 'unavailable', reason: 'refused', retryAfterMs: (choice % 3) * 500 });
        });
      }
    }
    if (stray.length > 0) add('a late word comes', hearStray);
    add('the bucket is away', () => {
      for (const place of places) place.bucket = 'cut';
    });
    if (!functions.isDatabaseAway) add('the database is away', () => functions.setDatabaseAway(true));
    return actions;
  };

  const takeOne = (actions: readonly Action[], choice: number): void => {
    const { name, act } = actions[choice % actions.length]!;
    trace.push(`${Math.round(nowMs - startMs)}: ${name}`);
    act(Math.floor(choice / actions.length));
    checkReaders();
  };

  const isOver = (): boolean => server.isAtRest() && giving.length === 0 && calls.length === 0;

  const checkRows = (): void => {
    if (places.some(({ member }) => member?.term?.work.hasLostPatience)) isOrderPromised = false;
    for (const key of new Set([...byId.values()].map((entry) => entry.key))) {
      const own = [...byId.values()].filter((entry) => entry.key === key && !badKinds.has(entry.kind));
      const expected = own.map(({ id }) => id);
      const rows = functions.rowsOf(key);
      for (const id of expected) if (!rows.includes(id)) fault(`C4: ${id} is lost`);
      if (isOrderPromised && rows.join() !== expected.join()) fault(`C3: ${key} has ${rows.join()}`);
    }
    for (const { id, kind } of byId.values()) {
      if (badKinds.has(kind) && !letters.has(id)) fault(`C4: ${id} (${kind}) has no dead letter`);
    }
  };

  return {
    /** Lets one thing happen, chosen by the number. */
    step: (choice: number): void => {
      if (faults.size > 0) return;
      const rest = Math.floor(choice / 4);
      if (choice % 4 === 0) takeOne(troubles(), rest);
      else takeOne([...progress(), passTime(), smoothly()], rest);
      for (const { work } of terms.values()) if (work.hasLostPatience) isOrderPromised = false;
    },
    /** No more faults: works on until everything is settled; then says what is wrong. */
    finish: (): readonly string[] => {
      isCalm = true;
      calmFromMs = nowMs;
      for (let steps = 0; steps < calmSteps && !isOver() && faults.size === 0; steps += 1) {
        const actions = progress();
        takeOne(actions.length > 0 ? actions : [passTime()], steps);
      }
      if (!isOver() && faults.size === 0) fault('C4: not everything was settled');
      if (faults.size === 0) checkRows();
      return [...faults];
    },
    trace: trace as readonly string[],
  };
};
