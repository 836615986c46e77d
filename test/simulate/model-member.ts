import { createLease, parseLeaseRecord, type LeaseRecord } from '../../infra/connector/lease/lease.ts';
import { nextLeaseAction, termAfterWrite } from '../../infra/connector/lease/next-action.ts';
import { latePullMs, pullExpiryMs } from '../../infra/connector/lease/pull-expiry.ts';
import { shareLeases } from '../../infra/connector/lease/share-leases.ts';
import type { Tenure } from '../../infra/connector/lease/tenure.ts';
import { plannedStop, type StopStep } from '../../infra/connector/planned-stop.ts';
import type { KeySight } from './model-bucket.ts';
import type { ModelConnector, Sight } from './model-connector.ts';
import type { AnswerOnTheWire, Delivery } from './model-server.ts';

/** What a connector says to the server of the stream. */
export type ToServer =
  | { readonly kind: 'answer'; readonly answer: AnswerOnTheWire }
  | { readonly kind: 'look'; readonly look: number }
  | { readonly kind: 'pull'; readonly inbox: number; readonly messages: number; readonly expiresMs: number }
  | { readonly kind: 'unsubscribe'; readonly inbox: number };

/** What the server says to a connector. */
export type ToMember =
  | { readonly kind: 'delivery'; readonly inbox: number; readonly delivery: Delivery }
  | { readonly kind: 'pull_ended'; readonly inbox: number }
  | { readonly kind: 'sight'; readonly look: number; readonly sight: Sight };

/** What a connector asks of the bucket. */
export type ToBucket =
  { readonly kind: 'read' } | { readonly kind: 'write'; readonly text: string; readonly revision: number };

/** What it hears: what was read, or the new revision, if it was written. */
export type FromBucket =
  | { readonly kind: 'read'; readonly sight: KeySight }
  | { readonly kind: 'written'; readonly revision: number | undefined };

/** What was asked of the bucket and is not answered. */
interface Asked {
  readonly call: number;
  readonly untilMs: number;
  readonly onAnswer: (answer: FromBucket) => void;
  readonly inVain: () => void;
}

/** One term of a connector: its work, and the request that it has open. */
export interface Term {
  readonly id: number;
  readonly work: ModelConnector;
  readonly tenure: Tenure;
  /** `asks`: what is under way; `settles`: it has handed that back, and asks once more; then it reads. */
  phase: 'looks' | 'asks' | 'settles' | 'reads';
  look: number;
  askedMs: number;
  /** Where it listens; undefined once it does not. */
  inbox: number | undefined;
  open: number;
  lastSignMs: number;
  silenceMs: number;
  /** What is still to be done of its planned stop; undefined if none was asked for. */
  stopping: StopStep[] | undefined;
  stopStartedMs: number;
  /** Whether the server was told that nothing more is asked for, and has said all that it had to say by then. */
  drain: 'not_asked' | 'asked' | 'done';
  hasHandedBack: boolean;
  /** It will never begin again. */
  readonly end: () => void;
}

export interface MemberOptions {
  readonly own: string;
  readonly ttlMs: number;
  readonly nowMs: () => number;
  readonly makeWork: (id: number, tenure: Tenure) => ModelConnector;
  readonly nextId: () => number;
  readonly toServer: (word: ToServer) => void;
  readonly askBucket: (call: number, request: ToBucket) => void;
  readonly isConnected: () => boolean;
  readonly isInFlight: (term: Term) => boolean;
  /** Called with what is wrong. */
  readonly fault: (text: string) => void;
  readonly note: (text: string) => void;
}

const durable = 'durable';
/** Less often than the product looks, so that a list of steps comes further. */
const lookMs = 500;
const callMs = 1_000;
const answerMs = 2_000;
const lookAgainMs = 200;
const drainMs = 300;
const handOverMs = 400;
const graceMs = 3_000;
const leastExpiresMs = 250;
const lateMs = 2_000;
/** Who passed its durable on lets others have it for so long. */
const passingMs = 3_000;

/**
 * One life of a connector that reads in turns with others: the loop of its lease, and the terms in which it reads. All decisions are
 * the product's own; what its shells do with sockets, timers and promises is done here, in the same order.
 */
export const createModelMember = (options: MemberOptions) => {
  const { own, ttlMs, nowMs, fault, note } = options;
  const lease = createLease(own);
  let term: Term | undefined;
  let writtenMs = Number.NEGATIVE_INFINITY;
  let loopAtMs = nowMs();
  let calls = 0;
  let pending: Asked | undefined;
  let isStopped = false;
  /** Whether the end of all that we have has begun. */
  let isEnding = false;
  /** Terms that are given up, and wait for what is in flight. */
  let leaving: Term[] = [];
  let passesUntilMs = Number.NEGATIVE_INFINITY;
  let mustPass = false;

  const rest = (): void => {
    loopAtMs = nowMs() + lookMs;
  };
  const ask = (request: ToBucket, onAnswer: (answer: FromBucket) => void, inVain = rest): void => {
    calls += 1;
    pending = { call: calls, untilMs: nowMs() + callMs, onAnswer, inVain };
    options.askBucket(calls, request);
  };

  /** While its term is handed over, it does nothing about its lease. */
  const isLoopHeld = (): boolean => isStopped || (term?.stopping !== undefined && !term.tenure.isOver());

  // ------------------------------------------------------------------ the lease

  const look = (then: () => void): void =>
    ask({ kind: 'read' }, (answer) => {
      if (answer.kind !== 'read') return;
      const { revision, text } = answer.sight;
      lease.see({ revision, record: parseLeaseRecord(text) }, nowMs());
      if (!lease.isOurs && term !== undefined) {
        note(`${own} lost its lease to ${lease.record?.holder ?? 'nobody'}`);
        abandon();
      }
      then();
    });

  const abandon = (): void => {
    if (term === undefined) return;
    term.end();
    term.work.abandon();
    unsubscribe(term);
    term = undefined;
  };

  const decide = (): void => {
    if (isStopped) return;
    const isPassing = mustPass && term !== undefined;
    const share = isPassing
      ? { mayTake: false, gives: durable }
      : shareLeases({ own, members: [own], holders: new Map([[durable, lease.record?.holder]]) });
    const mayTake = share.mayTake && nowMs() >= passesUntilMs;
    const situation = { durable, lease, share: { ...share, mayTake }, hasTerm: term !== undefined, writtenMs, ttlMs };
    const next = nextLeaseAction(situation, nowMs());
    if (next.kind === 'write') write(next.revision);
    else if (next.kind === 'give_up' && term !== undefined) {
      mustPass = false;
      passesUntilMs = nowMs() + passingMs;
      beginStop(term);
    } else rest();
  };

  const write = (revision: number): void => {
    const record: LeaseRecord = { holder: own, sinceMs: 0, ttlMs };
    const sentMs = nowMs();
    ask({ kind: 'write', text: JSON.stringify(record), revision }, (answer) => {
      if (answer.kind !== 'written') return;
      if (answer.revision === undefined) return look(rest);
      const wasOver = lease.remainingMs(nowMs()) === 0;
      const begins = lease.wrote({ revision: answer.revision, record }, sentMs);
      writtenMs = sentMs;
      rest();
      if (!isStopped) continueTerm(begins, wasOver);
    });
  };

  const continueTerm = (begins: boolean, wasOver: boolean): void => {
    const isHandingOver = term?.stopping !== undefined;
    const isOver = lease.remainingMs(nowMs()) === 0;
    const next = termAfterWrite({ begins, wasOver, isOver, hasTerm: term !== undefined, isEnding: isHandingOver });
    if (next === 'rest') return;
    if (next === 'begin' || term === undefined) return beginTerm();
    if (next === 'wake') return pull(term);
    note(`${own} goes on`);
    term.work.resume();
    lookAnew(term);
  };

  const beginTerm = (): void => {
    abandon();
    const { isSuccessor } = lease;
    note(`${own} reads${isSuccessor ? ' after another one' : ''}`);
    let isOver = false;
    const tenure: Tenure = {
      isExclusive: true,
      isSuccessor,
      latePullMs: latePullMs(ttlMs),
      remainingMs: () => (isOver ? 0 : lease.remainingMs(nowMs())),
      isOver: () => isOver,
    };
    const id = options.nextId();
    term = {
      id,
      tenure,
      work: options.makeWork(id, tenure),
      phase: 'looks',
      look: 0,
      askedMs: Number.NEGATIVE_INFINITY,
      inbox: undefined,
      open: 0,
      lastSignMs: 0,
      silenceMs: 0,
      stopping: undefined,
      stopStartedMs: 0,
      drain: 'not_asked',
      hasHandedBack: false,
      end: () => {
        isOver = true;
      },
    };
  };

  /** Others need not wait for its end. If nobody hears this, they do. */
  const release = (then: () => void): void => {
    const next = lease.next(nowMs());
    if (next.kind !== 'renew') return then();
    const record: LeaseRecord = { holder: undefined, sinceMs: 0, ttlMs };
    lease.gaveUp(nowMs());
    ask({ kind: 'write', text: JSON.stringify(record), revision: next.revision }, then, then);
  };

  // ------------------------------------------------------------------ what a term asks for

  const unsubscribe = (of: Term): void => {
    if (of.inbox !== undefined) options.toServer({ kind: 'unsubscribe', inbox: of.inbox });
    of.inbox = undefined;
    of.open = 0;
  };
  /** Looks what is under way before more is asked for. */
  const lookAnew = (of: Term): void => {
    unsubscribe(of);
    of.phase = 'looks';
    of.askedMs = Number.NEGATIVE_INFINITY;
    of.work.disconnected();
  };
  const askForSight = (of: Term, phase: 'asks' | 'settles'): void => {
    of.phase = phase;
    of.look = options.nextId();
    of.askedMs = nowMs();
    options.toServer({ kind: 'look', look: of.look });
  };

  const pull = (of: Term): void => {
    if (of.phase !== 'reads' || of.open > 0 || of.stopping !== undefined || !options.isConnected()) return;
    const messages = of.work.room(0);
    const expiresMs = Math.floor(pullExpiryMs(of.tenure.remainingMs()));
    if (messages < 1 || expiresMs < leastExpiresMs) return;
    of.inbox ??= options.nextId();
    of.open = messages;
    of.lastSignMs = nowMs();
    of.silenceMs = expiresMs + lateMs;
    options.toServer({ kind: 'pull', inbox: of.inbox, messages, expiresMs });
  };

  const onDelivery = (of: Term, delivery: Delivery): void => {
    of.lastSignMs = nowMs();
    of.open = Math.max(0, of.open - 1);
    if (of.work.take(delivery) === 'look_again') {
      note(`${own} misses a delivery before ${delivery.sequence}`);
      return lookAnew(of);
    }
    pull(of);
  };

  const onSight = (of: Term, sight: Sight): void => {
    if (of.phase === 'settles') {
      of.phase = 'reads';
      return pull(of);
    }
    if (of.work.begin(Number.POSITIVE_INFINITY, sight, of.askedMs) === 'done') askForSight(of, 'settles');
    else {
      of.phase = 'looks';
      of.askedMs = nowMs();
    }
  };

  // ------------------------------------------------------------------ a planned stop

  const beginStop = (of: Term): void => {
    of.stopping = [...plannedStop];
    of.stopStartedMs = nowMs();
    note(`${own} hands over`);
    stepStop(of);
  };

  /** Whether this part of the stop is over, or has begun nothing that is waited for. */
  const stopSteps: Readonly<Record<StopStep, (of: Term) => boolean>> = {
    drain: (of) => {
      of.work.feed({ type: 'drain' });
      return true;
    },
    end_pulls: (of) => {
      of.work.endPulls();
      if (of.drain === 'not_asked') {
        of.drain = of.inbox === undefined || !options.isConnected() ? 'done' : 'asked';
        if (of.inbox !== undefined) options.toServer({ kind: 'unsubscribe', inbox: of.inbox });
        of.look = options.nextId();
        options.toServer({ kind: 'look', look: of.look });
      }
      // What is on its way is still taken, for a while.
      if (of.drain === 'asked' && nowMs() < of.stopStartedMs + drainMs) return false;
      of.inbox = undefined;
      of.open = 0;
      return true;
    },
    wait_shortly: (of) => !options.isInFlight(of) || nowMs() >= of.stopStartedMs + handOverMs,
    hand_back: (of) => {
      of.work.handBack();
      of.hasHandedBack = true;
      return true;
    },
    give_up_lease: (of) => {
      if (of.inbox !== undefined || !of.hasHandedBack) fault(`L7: ${own} gives its lease up and still has something`);
      of.end();
      leaving.push(of);
      release(() => {
        if (term === of) term = undefined;
        rest();
      });
      return true;
    },
    wait: (of) => !options.isInFlight(of) || nowMs() >= of.stopStartedMs + graceMs,
    abort: (of) => {
      of.work.feed({ type: 'abort' });
      return true;
    },
  };

  const stepStop = (of: Term): void => {
    const { stopping } = of;
    for (let next = stopping?.[0]; next !== undefined; next = stopping?.[0]) {
      if (!stopSteps[next](of)) return;
      stopping?.shift();
    }
    leaving = leaving.filter((each) => each !== of);
  };
  const stepStops = (): void => {
    for (const each of leaving) stepStop(each);
    if (term?.stopping !== undefined && !leaving.includes(term)) stepStop(term);
    // What is under way changes the revision at which the lease is given up.
    if (!isStopped || isEnding || pending !== undefined) return;
    isEnding = true;
    if (term === undefined) release(() => undefined);
    else if (term.stopping === undefined) beginStop(term);
  };
  const stopTimesMs = (): readonly number[] => {
    const limits: Partial<Record<StopStep, number>> = { end_pulls: drainMs, wait_shortly: handOverMs, wait: graceMs };
    return [...leaving, ...(term === undefined ? [] : [term])].flatMap(({ stopping, stopStartedMs }) => {
      const next = stopping?.[0];
      return next === undefined ? [] : [stopStartedMs + (limits[next] ?? 0)];
    });
  };

  return {
    own,
    lease,
    get term() {
      return term;
    },
    /** Whether its planned stop is over: the process may end. */
    get hasEnded() {
      return isEnding && pending === undefined && leaving.length === 0;
    },
    get isStopped() {
      return isStopped;
    },
    /** Ends what it has, and then itself. */
    stop: (): void => {
      isStopped = true;
      stepStops();
    },
    /** Another one is to have its durable. */
    passOn: (): void => {
      mustPass = true;
    },
    hears: (word: ToMember): void => {
      if (term === undefined) return;
      if (word.kind === 'delivery' && word.inbox === term.inbox) onDelivery(term, word.delivery);
      else if (word.kind === 'pull_ended' && word.inbox === term.inbox) {
        term.open = 0;
        pull(term);
      } else if (word.kind === 'sight' && word.look === term.look) {
        if (term.stopping === undefined) onSight(term, word.sight);
        else term.drain = 'done';
      }
      stepStops();
    },
    hearsOfBucket: (call: number, answer: FromBucket): void => {
      if (pending?.call !== call) return;
      const { onAnswer } = pending;
      pending = undefined;
      onAnswer(answer);
      stepStops();
    },
    /** There may be room. */
    wake: (): void => {
      if (term !== undefined) pull(term);
    },
    reconnected: (): void => {
      if (term !== undefined && term.stopping === undefined) lookAnew(term);
    },
    /** The next time at which it does something by itself, on its own clock. */
    nextTimeMs: (): number => {
      const times = [pending?.untilMs ?? (isLoopHeld() ? Infinity : loopAtMs), ...stopTimesMs()];
      if (term !== undefined) {
        const { work, phase, askedMs, open, lastSignMs, silenceMs } = term;
        times.push(work.nextTimeMs());
        if (term.stopping === undefined && options.isConnected()) {
          if (phase === 'looks') times.push(askedMs + lookAgainMs);
          if (phase === 'asks' || phase === 'settles') times.push(askedMs + answerMs);
          if (open > 0) times.push(lastSignMs + silenceMs);
        }
      }
      return Math.min(...times);
    },
    /** Does what its timers say by now. */
    tick: (): void => {
      const atMs = nowMs();
      if (pending !== undefined && pending.untilMs <= atMs) {
        const { inVain } = pending;
        pending = undefined;
        note(`${own} does not reach the bucket`);
        inVain();
      } else if (pending === undefined && !isLoopHeld() && loopAtMs <= atMs) {
        loopAtMs = Infinity;
        if (lease.isOurs) decide();
        else look(decide);
      }
      stepStops();
      if (term === undefined) return;
      if (term.work.nextTimeMs() <= atMs) {
        if (term.work.tick()) lookAnew(term);
        pull(term);
      }
      if (term.stopping !== undefined) return;
      const isSilent = term.open > 0 && term.lastSignMs + term.silenceMs <= atMs;
      const isUnanswered = (term.phase === 'asks' || term.phase === 'settles') && term.askedMs + answerMs <= atMs;
      if (!options.isConnected()) return;
      if (isSilent || isUnanswered) lookAnew(term);
      if (term.phase === 'looks' && term.askedMs + lookAgainMs <= atMs) askForSight(term, 'asks');
    },
  };
};

export type ModelMember = ReturnType<typeof createModelMember>;
