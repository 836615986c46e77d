import type { Pause } from '../../../shared/message/pause.ts';
import type { LeaseReport } from '../../../shared/message/connector-report.ts';
import type { ConsumerLag } from '../../../shared/nats/consumer-lag.ts';
import type { LeaseBucket } from '../../../shared/nats/lease-bucket.ts';
import { within } from '../../../shared/process/within.ts';
import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import { pause, type Clock } from '../clock.ts';
import { createLease, parseLeaseRecord, type Lease, type LeaseSight } from './lease.ts';
import type { Members } from './members.ts';
import { nextLeaseAction, termAfterWrite } from './next-action.ts';
import { latePullMs } from './pull-expiry.ts';
import { ableMembers, shareLeases } from './share-leases.ts';
import type { Tenure } from './tenure.ts';

/** What is done while the lease is ours. */
export interface LeasedWork {
  /** Makes stream and consumer, and begins to pull; tried until it works. */
  start(): Promise<void>;
  readonly isConsuming: boolean;
  readonly heldMessages: number;
  /** How far its consumers are behind; without those that the server does not answer for. */
  lags(): Promise<readonly ConsumerLag[]>;
  /** What an operator has paused, all of it (C15). */
  setPauses(pauses: readonly Pause[]): void;
  /** Tells the server that everything held is being worked on. */
  keepAlive(): void;
  /** Looks again whether it can pull. */
  wake(): void;
  /** Goes on after a time in which the lease was over and nobody else took it. */
  resume(): void;
  /** Somebody else reads now: nothing more is begun, and nothing is settled. */
  abandon(): Promise<void>;
  /**
   * Ends what is in flight, within the time, and hands back the rest with a delay.
   * @param handOver called once nothing more comes and what is not in flight is handed back: somebody else may read from then on
   */
  stop(graceMs: number, handOver?: () => Promise<void>): Promise<void>;
}

export interface LeasedPipelineOptions {
  readonly durable: string;
  readonly bucket: LeaseBucket;
  /** This connector's name in the bucket: no other process ever had it. */
  readonly own: string;
  readonly ttlMs: number;
  readonly members: Members;
  /** Holders of all durables of this server, as each loop last saw its own; shared by them. */
  readonly holders: Map<string, string | undefined>;
  readonly makeWork: (tenure: Tenure) => LeasedWork;
  readonly clock: Clock;
  readonly log: Log;
}

/** One durable that several connectors would read: it is read while the lease is ours. */
export interface LeasedPipeline {
  /** Resolves when it reads, or knows who does. */
  start(): Promise<void>;
  /** Whether it reads, or stands by while somebody else does. */
  readonly isReady: boolean;
  readonly heldMessages: number;
  lags(): Promise<readonly ConsumerLag[]>;
  keepAlive(): void;
  /** What operators have paused; a new term is made with what is known then. */
  setPauses(pauses: readonly Pause[]): void;
  report(): LeaseReport;
  /** Ends what is in flight within the time, hands back the rest, and gives the lease to whoever comes first. */
  stop(graceMs: number): Promise<void>;
}

/** How often a connector that stands by looks whether the lease is free. */
const lookMs = 100;

interface Term {
  readonly work: LeasedWork;
  started: Promise<void>;
  /** It will never begin again. */
  readonly end: () => void;
  /** It hands its work over, and begins nothing more. */
  isEnding: boolean;
}

interface State extends LeasedPipelineOptions {
  readonly lease: Lease;
  readonly key: string;
  term: Term | undefined;
  /** When the key was last read or written. */
  reachedMs: number;
  writtenMs: number;
  /** What the loop is at; it may fail. */
  stepping: Promise<void>;
  /** Whether it was said that the lease is over. */
  isEndSaid: boolean;
  /** The end of a term that was given up: what was in flight then. */
  ended: Promise<void>;
  stopped: boolean;
}

export const createLeasedPipeline = (options: LeasedPipelineOptions): LeasedPipeline => {
  const state: State = {
    ...options,
    lease: createLease(options.own),
    key: `lease.${options.durable.replaceAll(/[^-\w]/g, '_')}`,
    term: undefined,
    reachedMs: Number.NEGATIVE_INFINITY,
    writtenMs: Number.NEGATIVE_INFINITY,
    stepping: Promise.resolve(),
    isEndSaid: false,
    ended: Promise.resolve(),
    stopped: false,
  };
  options.holders.set(options.durable, undefined);
  return {
    start: () => start(state),
    get isReady() {
      return isReady(state);
    },
    get heldMessages() {
      return state.term?.work.heldMessages ?? 0;
    },
    lags: async () => (await state.term?.work.lags()) ?? [],
    keepAlive: () => state.term?.work.keepAlive(),
    setPauses: (pauses) => state.term?.work.setPauses(pauses),
    report: () => report(state),
    stop: (graceMs) => stop(state, graceMs),
  };
};

const start = async (state: State): Promise<void> => {
  await new Promise<void>((decided) => {
    void keep(state, decided);
  });
  await state.term?.started;
};

/** The loop of a lease: looks and writes, as long as the connector lives. */
const keep = async (state: State, onDecided: () => void): Promise<void> => {
  const { clock, log, durable } = state;
  let isReached = true;
  while (!state.stopped) {
    state.stepping = step(state);
    try {
      await state.stepping;
      isReached = true;
      if (state.term !== undefined || state.lease.record?.holder !== undefined) onDecided();
    } catch (error) {
      if (isReached) log.warn('lease_unreachable', { consumer: durable, ...errorFields(error) });
      isReached = false;
    }
    noteEnd(state);
    await pause(clock, lookMs);
  }
  onDecided();
};

const step = async (state: State): Promise<void> => {
  const { lease, clock, ttlMs } = state;
  if (!lease.isOurs) await look(state);
  if (state.stopped) return;
  const { durable, writtenMs, own, members, holders } = state;
  // Who died a moment ago has no part in what it held.
  const gone = lease.next(clock.nowMs()).kind === 'take' ? lease.record?.holder : undefined;
  const shareNow = () => {
    const able = ableMembers(members.alive).filter((name) => name !== gone);
    return shareLeases({ own, members: able, holders });
  };
  const hasTerm = state.term !== undefined;
  const next = nextLeaseAction({ durable, lease, share: shareNow(), hasTerm, writtenMs, ttlMs }, clock.nowMs());
  if (next.kind === 'rest') return;
  if (next.kind === 'give_up') return await giveUp(state);
  if (next.kind === 'look_who_is_there') {
    await state.members.look();
    if (!shareNow().mayTake) return;
  }
  await write(state, next.revision);
};

const look = async (state: State): Promise<void> => {
  const { bucket, key, lease, clock } = state;
  const { revision, value } = await bucket.read(key);
  see(state, { revision, record: parseLeaseRecord(value) });
  state.reachedMs = clock.nowMs();
  if (!lease.isOurs && state.term !== undefined) await abandon(state);
};

const see = (state: State, sight: LeaseSight): void => {
  state.lease.see(sight, state.clock.nowMs());
  state.holders.set(state.durable, sight.record?.holder);
};

/** Somebody else reads. */
const abandon = async (state: State): Promise<void> => {
  const { term } = state;
  if (term === undefined) return;
  term.end();
  state.term = undefined;
  state.log.warn('lease_lost', { consumer: state.durable, holder: state.lease.record?.holder ?? 'nobody' });
  await term.work.abandon();
};

const write = async (state: State, revision: number): Promise<void> => {
  const { bucket, key, own, ttlMs, lease, clock, durable } = state;
  const sinceMs = lease.isOurs ? (lease.record?.sinceMs ?? clock.epochMs()) : clock.epochMs();
  const record = { holder: own, sinceMs, ttlMs };
  const sentMs = clock.nowMs();
  // Said to our other durables before the server has: they must not all take beyond an even share at once.
  state.holders.set(durable, own);
  const written = await bucket.write(key, JSON.stringify(record), revision).catch((error: unknown) => {
    state.holders.set(durable, lease.record?.holder);
    throw error;
  });
  // Somebody was faster; or our own word before was heard and its answer was lost.
  if (written === undefined) return await look(state);
  const wasOver = lease.remainingMs(clock.nowMs()) === 0;
  const begins = lease.wrote({ revision: written, record }, sentMs);
  state.holders.set(durable, own);
  state.writtenMs = sentMs;
  state.reachedMs = clock.nowMs();
  if (state.stopped) return;
  const { term } = state;
  const isOver = lease.remainingMs(clock.nowMs()) === 0;
  const isEnding = term?.isEnding === true;
  const next = termAfterWrite({ begins, wasOver, isOver, hasTerm: term !== undefined, isEnding });
  if (next === 'begin') await begin(state);
  else if (next !== 'rest') term?.work[next]();
};

const begin = async (state: State): Promise<void> => {
  const { lease, clock, log, durable, own } = state;
  await abandon(state);
  const { isSuccessor } = lease;
  let isOver = false;
  // The work asks for its tenure while it is made.
  const work = state.makeWork({
    isExclusive: true,
    isSuccessor,
    latePullMs: latePullMs(state.ttlMs),
    remainingMs: () => (isOver ? 0 : lease.remainingMs(clock.nowMs())),
    isOver: () => isOver,
  });
  const term: Term = {
    work,
    started: Promise.resolve(),
    isEnding: false,
    end: () => {
      isOver = true;
    },
  };
  state.term = term;
  log.info('lease_taken', { consumer: durable, connector: own, isSuccessor });
  // The lease is renewed meanwhile.
  const failed = (error: unknown): void => log.error('start_failed', { consumer: durable, ...errorFields(error) });
  term.started = term.work.start().catch(failed);
};

/** Says once that nobody renews it. */
const noteEnd = (state: State): void => {
  const isOver = state.term !== undefined && state.lease.remainingMs(state.clock.nowMs()) === 0;
  if (!isOver || state.isEndSaid) {
    state.isEndSaid = isOver;
    return;
  }
  state.isEndSaid = true;
  state.log.warn('lease_over', { consumer: state.durable, reason: 'nothing is read until the bucket can be reached' });
};

const giveUp = async (state: State): Promise<void> => {
  state.log.info('lease_given', { consumer: state.durable });
  await endTerm(state, givingGraceMs);
};

/** What is in flight when a lease is given away has so long. */
const givingGraceMs = 10_000;

const endTerm = async (state: State, graceMs: number): Promise<void> => {
  const { term } = state;
  if (term === undefined) return await release(state);
  term.isEnding = true;
  await new Promise<void>((handedOver) => {
    const handOver = async (): Promise<void> => {
      term.end();
      await release(state);
      if (state.term === term) state.term = undefined;
      handedOver();
    };
    const { log, durable } = state;
    const failed = (error: unknown): void => log.error('stop_failed', { consumer: durable, ...errorFields(error) });
    state.ended = term.work.stop(graceMs, handOver).catch(failed).finally(handedOver);
  });
};

/** Others need not wait for its end. If nobody hears this, they do. */
const release = async (state: State): Promise<void> => {
  const { bucket, key, lease, clock, ttlMs, log, durable } = state;
  const next = lease.next(clock.nowMs());
  if (next.kind !== 'renew') return;
  const record = { holder: undefined, sinceMs: clock.epochMs(), ttlMs };
  lease.gaveUp(clock.nowMs());
  state.holders.set(durable, undefined);
  await bucket.write(key, JSON.stringify(record), next.revision).catch((error: unknown) => {
    log.warn('lease_not_given_up', { consumer: durable, ...errorFields(error) });
  });
};

const isReady = (state: State): boolean => {
  const { lease, clock, term, ttlMs, stopped } = state;
  if (stopped) return false;
  const nowMs = clock.nowMs();
  if (term !== undefined) return lease.remainingMs(nowMs) > 0 && term.work.isConsuming;
  return lease.record?.holder !== undefined && nowMs - state.reachedMs < ttlMs && lease.next(nowMs).kind === 'wait';
};

const report = ({ durable, lease, own, clock }: State): LeaseReport => {
  const { record } = lease;
  const isOver = lease.isOurs ? lease.remainingMs(clock.nowMs()) === 0 : lease.next(clock.nowMs()).kind !== 'wait';
  const holder = isOver ? null : (record?.holder ?? null);
  const sinceMs = holder === null ? null : (record?.sinceMs ?? null);
  return { consumer: durable, holder, sinceMs, isOurs: holder === own };
};

const stop = async (state: State, graceMs: number): Promise<void> => {
  state.stopped = true;
  // A renewal that is under way changes the revision at which the lease is given up.
  const nothing = (): void => undefined;
  await within(steppingMs, state.stepping.catch(nothing), nothing, state.clock.after);
  await endTerm(state, graceMs);
  await state.ended;
};

const steppingMs = 1_000;
