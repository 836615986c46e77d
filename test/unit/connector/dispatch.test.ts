import { describe, expect, it } from 'vitest';
import { createDispatch } from '../../../infra/connector/dispatch/core.ts';
import { laneTransitions } from '../../../infra/connector/dispatch/lane.ts';
import type { BatchFailure } from '../../../infra/connector/dispatch/protocol.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';
import { defaultLimits } from '../../../shared/routing/default-triggers.ts';
import { driveDispatch, failures } from '../../support/dispatch-driver.ts';
import { receivedMessage } from '../../support/received-message.ts';

const quick = { backoffInitialMs: 10, backoffMaxMs: 80, maxAttempts: 3, killsBeforeDeadLetter: 3 };
/** More than any back-off of the limits above. */
const pauseMs = 100;

describe('C1: a message is acknowledged only if the function said so of its id', () => {
  it('each by its own outcome', () => {
    const drive = driveDispatch();
    drive.receive('k', [1, 2, 3]);
    drive.answer(drive.post(), { 2: 'retry', 3: { outcome: 'reject', code: 'empty_row', reason: 'empty' } });
    expect(drive.acked).toEqual([1]);
    expect(drive.rejected.map(({ message, code }) => [message.sequence, code])).toEqual([[3, 'empty_row']]);
    expect(drive.core.view.heldMessages).toBe(1);
  });

  it('an outcome for a message that was not in the request says nothing', () => {
    const drive = driveDispatch();
    drive.receive('k', [1]);
    const { requestId } = drive.post();
    const stranger = { id: 'stranger', outcome: 'ack' } as const;
    drive.feed({ type: 'batch_answered', requestId, status: 200, outcomes: new Map([['stranger', stranger]]) });
    expect(drive.acked).toEqual([]);
    expect(drive.core.view.heldMessages).toBe(1);
  });
});

describe('C2 and C3: a key has one request at a time, in stream order', () => {
  it('while others have theirs', () => {
    const drive = driveDispatch();
    drive.receive('a', [1, 3]);
    drive.receive('b', [2]);
    drive.receive('a', [4]);
    drive.advance(10);
    expect(drive.open).toEqual([[1, 3], [2]]);
    drive.answer(drive.post(1));
    expect(drive.open).toEqual([[2], [4]]);
  });

  it('nothing passes an earlier message that is in other hands', () => {
    const drive = driveDispatch();
    drive.feed({ type: 'key_blocked', key: 'a', sequence: 2 });
    drive.receive('a', [1, 3]);
    expect(drive.open).toEqual([[1]]);
    drive.answer(drive.post());
    drive.advance(pauseMs);
    expect(drive.open).toEqual([]);
    drive.feed({ type: 'key_unblocked', key: 'a', sequence: 2 });
    drive.advance(1);
    expect(drive.open).toEqual([[3]]);
  });

  it('the table of a lane’s states allows no second request', () => {
    for (const [state, events] of Object.entries(laneTransitions)) {
      expect(events.taken, state).toBe(state === 'ready' ? 'in_flight' : 'impossible');
      expect(events.completed, state).toBe(state === 'in_flight' ? 'rest' : 'impossible');
    }
  });
});

describe('C4: what is not settled stays at the head of its lane and is sent again', () => {
  it.each(Object.entries(failures))('after %s', (_name, failure: BatchFailure) => {
    const drive = driveDispatch(quick);
    drive.receive('k', [1, 2]);
    drive.fail(drive.post(), failure);
    for (let n = 0; n < 20 && drive.acked.length < 2; n += 1) {
      drive.health(false);
      drive.advance(pauseMs);
      while (drive.open.length > 0) drive.answer(drive.post());
    }
    expect(drive.acked).toEqual([1, 2]);
  });

  it('a retry pauses its lane for as long as the function asked, within the back-off’s limit, and for longer each time', () => {
    const drive = driveDispatch({ backoffInitialMs: 100, backoffMaxMs: 1_000 });
    const pauses: number[] = [];
    drive.receive('k', [1]);
    for (const delayMs of [0, 0, 0, 700, 60_000]) {
      drive.answer(drive.post(), { 1: { outcome: 'retry', code: 'database_conflict', delayMs } });
      const fromMs = drive.nowMs;
      while (drive.open.length === 0) drive.advance(1);
      pauses.push(drive.nowMs - fromMs);
    }
    const least = [50, 100, 200, 700, 1_000];
    const most = [100, 200, 400, 801, 1_001];
    pauses.forEach((pause, n) => {
      expect(pause).toBeGreaterThanOrEqual(least[n]!);
      expect(pause).toBeLessThanOrEqual(most[n]! + 1);
    });
  });
});

describe('C6: a failure costs its own key and no other', () => {
  it('a lane that pauses or is searched holds up nobody, and travels alone', () => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 1 });
    drive.receive('bad', [1, 2, 3, 4]);
    drive.fail(drive.post(), failures.said500);
    drive.receive('good', [5, 6]);
    expect(drive.open).toEqual([[5, 6]]);
    drive.advance(pauseMs);
    drive.receive('other', [7]);
    drive.answer(drive.post());
    expect(drive.open).toEqual([[1, 2]]);
    drive.answer(drive.post());
    expect(drive.open).toEqual([[7]]);
  });

  it('a batch of several keys that fails is taken apart by key, then by halves, until one message is alone', () => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 1 });
    const seen: number[][] = [];
    const isBad = (sequences: readonly number[]): boolean => sequences.includes(13);
    // The first request keeps the only slot busy, so that the keys after it share the second one.
    drive.receive('first', [1]);
    for (const [key, sequences] of [
      ['a', [11, 12, 13, 14]],
      ['b', [21, 22]],
    ] as const) {
      drive.receive(key, sequences);
    }
    drive.answer(drive.post());
    for (let n = 0; n < 60 && drive.core.view.heldMessages > 0; n += 1) {
      drive.advance(pauseMs);
      if (drive.open.length === 0) continue;
      const post = drive.post();
      seen.push([...post.sequences]);
      if (isBad(post.sequences)) drive.fail(post, failures.said500);
      else drive.answer(post);
    }
    expect(seen.slice(0, 2)).toEqual([
      [11, 12, 13, 14, 21, 22],
      [11, 12, 13, 14],
    ]);
    expect(seen).toContainEqual([13]);
    expect(drive.acked.toSorted((a, b) => a - b)).toEqual([1, 11, 12, 14, 21, 22]);
    expect(drive.rejected.map(({ message, code, attempts }) => [message.sequence, code, attempts])).toEqual([
      [13, 'function_killed', 3],
    ]);
  });
});

describe('C7: nobody is given up for what the function, a gateway or another message did', () => {
  /** Fails the only message again and again; returns after how many failures it was given up. */
  const failuresUntilRejected = (failure: BatchFailure, isAlive: boolean, most = 12): number | undefined => {
    const drive = driveDispatch(quick);
    drive.receive('k', [1]);
    for (let n = 1; n <= most; n += 1) {
      drive.fail(drive.post(), failure);
      for (let looks = 0; looks < 4; looks += 1) {
        drive.health(isAlive);
        drive.advance(pauseMs);
      }
      if (drive.rejected.length > 0) return n;
    }
    return undefined;
  };

  it.each<[string, BatchFailure, boolean, number | undefined]>([
    ['a death, with a function that is back', failures.died, true, 3],
    ['a death, with a function that is not', failures.died, false, undefined],
    ['a 500, whatever the health check says', failures.said500, true, undefined],
    ['a silence, whatever the health check says', failures.silent, true, undefined],
    ['nonsense, with a function that is there', failures.nonsense, true, 3],
    ['a refusal, with a function that is there', failures.refused, true, 1],
    ['a refusal, with a function that is not', failures.refused, false, undefined],
    // The first gateway error alone raises no question.
    ['a lost gateway connection, with a function that is there', failures.gateway, true, 4],
    ['a lost gateway connection, with a function that is not', failures.gateway, false, undefined],
    ['a refusal by a gateway, with a function that is there', failures.gatewayRefusal, true, 4],
    ['an outage', failures.away, true, undefined],
    ['an overload', failures.overloaded, true, undefined],
    ['a wrong address', failures.misconfigured, true, undefined],
    ['a message that is too large', failures.tooLarge, true, 1],
  ])('%s', (_name, failure, isAlive, expected) => {
    expect(failuresUntilRejected(failure, isAlive)).toBe(expected);
  });

  it('a 500 counts once others are acknowledged between', () => {
    const drive = driveDispatch(quick);
    drive.receive('bad', [1]);
    for (let n = 0; n < 4; n += 1) {
      drive.fail(drive.post(1), failures.said500);
      drive.receive('good', [10 + n]);
      drive.answer(drive.post(10 + n));
      drive.advance(pauseMs);
    }
    expect(drive.rejected.map(({ message, code }) => [message.sequence, code])).toEqual([[1, 'function_killed']]);
  });

  it('only deaths in a row count', () => {
    const drive = driveDispatch({ ...quick, maxAttempts: 1_000 });
    drive.receive('k', [1]);
    for (let n = 0; n < 12; n += 1) {
      drive.fail(drive.post(), failures.died);
      drive.health(true);
      drive.advance(pauseMs);
      drive.answer(drive.post(), { 1: { outcome: 'retry', code: 'database_unavailable', reason: 'away' } });
      drive.advance(pauseMs);
    }
    expect(drive.rejected).toEqual([]);
  });

  it('a message that died beside others is not blamed: until it is answered, requests go one at a time', () => {
    const drive = driveDispatch(quick);
    for (const [key, sequence] of [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ] as const)
      drive.receive(key, [sequence]);
    drive.advance(1);
    expect(drive.open).toHaveLength(3);
    for (const sequence of [1, 2, 3]) drive.fail(drive.post(sequence), failures.died);
    expect(drive.checks).toEqual([]);
    drive.advance(pauseMs);
    expect(drive.open).toHaveLength(1);
    while (drive.open.length > 0) {
      drive.answer(drive.post());
      drive.advance(pauseMs);
    }
    expect(drive.acked).toHaveLength(3);
    expect(drive.rejected).toEqual([]);
  });

  it('the health check alone gives up three messages at most, until another answer proves the function', () => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 1 });
    for (let n = 1; n <= 10; n += 1) drive.receive(`k${n}`, [n]);
    for (let n = 0; n < 400; n += 1) {
      if (drive.open.length > 0) drive.fail(drive.post(), failures.died);
      drive.health(true);
      drive.advance(pauseMs);
    }
    expect(drive.rejected.length).toBeLessThanOrEqual(3);
  });

  it('looks for the return of a function that is away only until its messages would be tried again anyway', () => {
    const drive = driveDispatch({ ...quick, backoffMaxMs: 500 });
    drive.receive('k', [1]);
    drive.fail(drive.post(), failures.gateway);
    drive.advance(600);
    drive.fail(drive.post(), failures.gateway);
    let looks = 0;
    for (let n = 0; n < 100; n += 1) {
      looks += drive.checks.length;
      drive.health(false);
      drive.advance(10);
    }
    // At once, then after 50, 100, 200 and 400 ms.
    expect(looks).toBe(5);
    expect(drive.rejected).toEqual([]);
    expect(drive.open).toEqual([[1]]);
  });
});

describe('the code of a message that is given up for what its requests did', () => {
  it.each<[string, readonly (keyof typeof failures)[], string]>([
    ['that it kills', ['died', 'died', 'died'], 'function_killed'],
    ['that it kills, where the last process was frozen', ['died', 'died', 'silent'], 'function_killed'],
    ['that it kills, where the first process was frozen', ['silent', 'died', 'died'], 'function_killed'],
    ['that it takes too long', ['silent', 'silent', 'silent'], 'function_timeout'],
  ])('says %s', (_name, kinds, code) => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 1 });
    let failed = 0;
    drive.receive('a', [1]);
    for (let n = 0; n < 40 && drive.rejected.length === 0; n += 1) {
      if (drive.open.length > 0) {
        const isSuspect = drive.post().sequences.includes(1);
        if (!isSuspect) drive.answer(drive.post());
        else drive.fail(drive.post(), failures[kinds[Math.min(failed++, kinds.length - 1)]!]);
      }
      drive.health(true);
      // Others are acknowledged meanwhile: the function works.
      drive.receive('good', [100 + n]);
      drive.advance(pauseMs);
    }
    expect(drive.rejected.map((rejection) => rejection.code)).toEqual([code]);
  });
});

describe('C7: of messages that come back together with an unexpected error, only the cause is given up', () => {
  const unexpected = { outcome: 'retry', code: 'internal_error', reason: 'unexpected' } as const;

  it.each<[string, readonly (readonly [string, readonly number[]])[]]>([
    ['in one key', [['a', [11, 12, 13, 14, 15, 16, 17, 18]]]],
    [
      'in several keys of one request',
      [
        ['a', [11, 12]],
        ['b', [13, 14]],
        ['c', [15]],
        ['d', [16, 17]],
      ],
    ],
    [
      'alone in its key, beside others',
      [
        ['a', [11]],
        ['b', [13]],
        ['c', [15]],
      ],
    ],
  ])('%s', (_name, keys) => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 1 });
    const own = keys.flatMap(([, sequences]) => sequences);
    const acked: number[] = [];
    drive.receive('first', [1]);
    for (const [key, sequences] of keys) drive.receive(key, sequences);
    drive.answer(drive.post());
    for (let n = 0; n < 200 && drive.rejected.length === 0; n += 1) {
      // Somebody else is always acknowledged meanwhile: that alone must not blame the neighbours.
      drive.receive('good', [100 + n]);
      if (drive.open.length > 0) {
        const post = drive.post();
        // A statement that holds the row fails as a whole.
        const isBad = post.sequences.includes(13);
        drive.answer(post, isBad ? Object.fromEntries(post.sequences.map((each) => [each, unexpected])) : {});
        if (!isBad) acked.push(...post.sequences);
      }
      drive.advance(n % 3 === 0 ? pauseMs : 5);
    }
    expect(drive.rejected.map(({ message, code }) => [message.sequence, code])).toEqual([[13, 'internal_error']]);
    for (let n = 0; n < 50 && drive.core.view.heldMessages > 0; n += 1) {
      while (drive.open.length > 0) drive.answer(drive.post());
      drive.advance(pauseMs);
    }
    expect(drive.acked).toEqual(expect.arrayContaining(own.filter((sequence) => sequence !== 13)));
    expect(drive.rejected).toHaveLength(1);
  });

  it('one message of several that has it is at fault by itself: nothing is divided', () => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 1 });
    drive.receive('a', [1, 2, 3]);
    for (let n = 0; n < 4; n += 1) {
      drive.answer(drive.post(), { 2: unexpected });
      drive.receive('a', [10 + n]);
      drive.advance(pauseMs);
    }
    expect(drive.rejected.map(({ message, attempts }) => [message.sequence, attempts])).toEqual([[2, 3]]);
  });
});

describe('C8: what a dependency of the function does uses up nobody’s attempts', () => {
  it.each<[string, number | undefined]>([
    ['database_unavailable', undefined],
    ['nats_unavailable', undefined],
    ['publish_failed', undefined],
    ['overloaded', undefined],
    ['shutting_down', undefined],
    ['function_timeout', undefined],
    ['unknown_state', 3],
    ['no_outcome', 3],
    ['database_timeout', undefined],
    ['database_conflict', undefined],
    // The first one has no earlier one since which others were acknowledged.
    ['internal_error', 4],
  ])('%s', (code, expected) => {
    const drive = driveDispatch(quick);
    drive.receive('bad', [1]);
    let tries = 0;
    for (let n = 0; n < 10 && drive.rejected.length === 0; n += 1) {
      if (drive.open.flat().includes(1)) {
        tries += 1;
        drive.answer(drive.post(1), { 1: { outcome: 'retry', code: code as 'internal_error', reason: 'why' } });
      }
      drive.advance(pauseMs);
      drive.receive('good', [10 + n]);
      drive.advance(pauseMs);
      if (drive.open.flat().includes(10 + n)) drive.answer(drive.post(10 + n));
    }
    expect(drive.rejected.length > 0 ? tries : undefined).toBe(expected);
  });

  it.each([
    ['database_unavailable', true],
    ['database_misconfigured', true],
    // One state's row is locked, one server or stream of many is away, or the function is busy for a moment.
    ['database_timeout', false],
    ['database_conflict', false],
    ['publish_failed', false],
    ['nats_unavailable', false],
    ['overloaded', false],
  ])('an answer that has nothing but %s holds up everybody else: %s', (code, isOpen) => {
    const drive = driveDispatch(quick);
    drive.receive('k', [1]);
    drive.answer(drive.post(1), { 1: { outcome: 'retry', code: code as 'internal_error', reason: 'why' } });
    expect(drive.core.view.isOpen).toBe(isOpen);
    drive.receive('other', [2]);
    expect(drive.open).toEqual(isOpen ? [] : [[2]]);
  });

  it('a message is given up before the server’s own limit of deliveries is used up, if it is at fault', () => {
    const drive = driveDispatch(quick);
    const message = receivedMessage(1, { receivedMs: drive.nowMs });
    drive.feed({ type: 'message_received', key: 'k', message, maxDeliver: 2 });
    drive.look();
    drive.feed({ type: 'message_redelivered', key: 'k', message, deliveryCount: 2 });
    drive.answer(drive.post(), { 1: { outcome: 'retry', code: 'unknown_state', reason: 'unknown' } });
    expect(drive.rejected.map(({ reason }) => reason)).toEqual(['given up at its last delivery: unknown']);
  });

  it('but not once its stream is gone, which delivers it no more', () => {
    const drive = driveDispatch(quick);
    const message = receivedMessage(1, { receivedMs: drive.nowMs });
    drive.feed({ type: 'message_received', key: 'k', message, maxDeliver: 1 });
    drive.look();
    drive.feed({ type: 'messages_orphaned' });
    drive.answer(drive.post(), { 1: { outcome: 'retry', code: 'unknown_state', reason: 'unknown' } });
    expect(drive.rejected).toEqual([]);
  });
});

describe('C10: what comes late or twice changes nothing', () => {
  it('an answer after the answer, a failure after the answer, a health check that nobody asked for', () => {
    const drive = driveDispatch(quick);
    drive.receive('k', [1]);
    const post = drive.post();
    drive.answer(post, { 1: 'retry' });
    drive.answer(post);
    drive.fail(post, failures.died);
    drive.feed({ type: 'health_answered', requestId: post.requestId, isAlive: true });
    drive.feed({ type: 'health_answered', requestId: 99, isAlive: true });
    expect(drive.acked).toEqual([]);
    expect(drive.checks).toEqual([]);
    expect(drive.core.view).toMatchObject({ requestsInFlight: 0, heldMessages: 1, isOpen: false });
  });

  it('a timer that goes off early or twice starts nothing before its time', () => {
    const drive = driveDispatch({ backoffInitialMs: 1_000, backoffMaxMs: 1_000 });
    drive.receive('k', [1]);
    drive.answer(drive.post(), { 1: 'retry' });
    for (let n = 0; n < 3; n += 1) drive.feed({ type: 'timer' });
    expect(drive.open).toEqual([]);
    drive.advance(1_000);
    expect(drive.open).toEqual([[1]]);
  });

  it('while it drains nothing is started, and what is in flight is judged to the end', () => {
    const drive = driveDispatch(quick);
    drive.receive('a', [1]);
    drive.feed({ type: 'drain' });
    drive.receive('b', [2]);
    drive.advance(pauseMs);
    expect(drive.open).toEqual([[1]]);
    drive.answer(drive.post());
    drive.advance(pauseMs);
    expect(drive.acked).toEqual([1]);
    expect(drive.core.view).toMatchObject({ mode: 'draining', requestsInFlight: 0, heldMessages: 1 });
    expect(drive.feed({ type: 'abort' })).toEqual([{ type: 'abort_requests' }]);
    expect(drive.core.view.mode).toBe('stopped');
  });

  it('a look for a function’s return ends with the drain', () => {
    const drive = driveDispatch({ ...quick, backoffMaxMs: 10_000 });
    drive.receive('k', [1]);
    drive.fail(drive.post(), failures.gateway);
    drive.advance(20_000);
    drive.fail(drive.post(), failures.gateway);
    drive.health(false);
    expect(drive.core.view.requestsInFlight).toBe(1);
    drive.feed({ type: 'drain' });
    expect(drive.core.view.requestsInFlight).toBe(0);
  });
});

describe('C11: a function gets no more requests than it can take', () => {
  it('none while it is away, then one to try, then all', () => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 4 });
    for (let n = 1; n <= 4; n += 1) drive.receive(`k${n}`, [n]);
    drive.advance(1);
    expect(drive.open).toHaveLength(4);
    for (const [sequence] of drive.open) drive.fail(drive.post(sequence), failures.away);
    expect(drive.open).toEqual([]);
    expect(drive.commands).toContainEqual({ type: 'note', fact: { kind: 'availability_changed', isOpen: true } });
    drive.advance(pauseMs);
    expect(drive.open).toHaveLength(1);
    drive.answer(drive.post());
    for (let n = 5; n <= 8; n += 1) drive.receive(`k${n}`, [n]);
    drive.advance(1);
    expect(drive.open).toHaveLength(4);
    expect(drive.commands).toContainEqual({ type: 'note', fact: { kind: 'availability_changed', isOpen: false } });
  });

  it('a batch that is too large is halved, and the size is remembered', () => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 1 });
    drive.receive(
      'k',
      Array.from({ length: 100 }, (_, n) => n + 1),
      { bodyBytes: 1_000 },
    );
    drive.fail(drive.post(), failures.tooLarge);
    expect(drive.post().sequences).toHaveLength(50);
    drive.answer(drive.post());
    expect(drive.post().sequences).toHaveLength(50);
  });

  it('below the least size it is the count that is halved, down to the one message that is too large', () => {
    const drive = driveDispatch({ ...quick, maxConcurrentRequests: 1 });
    drive.receive('k', [1, 2, 3, 4]);
    for (let n = 0; n < 20 && drive.core.view.heldMessages > 0; n += 1) {
      const post = drive.post();
      if (post.sequences.includes(3)) drive.fail(post, failures.tooLarge);
      else drive.answer(post);
    }
    expect(drive.acked).toEqual([1, 2, 4]);
    expect(drive.rejected.map(({ code }) => code)).toEqual(['payload_too_large']);
  });
});

describe('C13: the same events at the same times lead to the same commands', () => {
  const run = (seed: number): string => {
    const drive = driveDispatch({ backoffInitialMs: 100 }, seed);
    for (let n = 1; n <= 20; n += 1) drive.receive(`k${n % 3}`, [n]);
    for (let n = 0; n < 30; n += 1) {
      if (drive.open.length > 0) {
        if (n % 3 === 0) drive.fail(drive.post(), failures.away);
        else drive.answer(drive.post(), { [n]: 'retry' });
      }
      drive.advance(40);
    }
    return JSON.stringify(drive.commands.filter(({ type }) => type !== 'post_batch'));
  };

  it('with one seed always, with another seed other pauses', () => {
    expect(run(5)).toBe(run(5));
    expect(run(5)).not.toBe(run(6));
  });
});

describe('C14: an event costs the same with ten thousand lanes as with one', () => {
  /** Milliseconds for five thousand answered requests of one key beside so many keys that pause. */
  const costMs = (pausedLanes: number): number => {
    const limits = { ...defaultLimits, backoffInitialMs: 1_000_000, backoffMaxMs: 1_000_000 };
    const core = createDispatch({ limits, seed: 1 });
    let requestId = 0;
    const ask = (key: string, sequence: number, outcome: 'ack' | 'retry'): void => {
      const message = receivedMessage(sequence);
      core.step({ type: 'message_received', key, message, maxDeliver: undefined }, 0);
      core.step({ type: 'looked' }, 0);
      requestId += 1;
      const answer = { id: message.id, outcome, code: 'unknown_state', reason: 'why' } as Outcome;
      core.step({ type: 'batch_answered', requestId, status: 200, outcomes: new Map([[message.id, answer]]) }, 0);
    };
    for (let n = 1; n <= pausedLanes; n += 1) ask(`paused${n}`, n, 'retry');
    const startMs = performance.now();
    for (let n = 1; n <= 5_000; n += 1) ask('busy', pausedLanes + n, 'ack');
    expect(core.view).toMatchObject({ lanes: pausedLanes, heldMessages: pausedLanes });
    return performance.now() - startMs;
  };

  it('also while all of them pause', () => {
    const few = Math.min(...[1, 2, 3, 4, 5].map(() => costMs(1)));
    const many = Math.min(...[1, 2, 3, 4, 5].map(() => costMs(10_000)));
    // Looking at each lane at each request would be fifty million looks.
    expect(many).toBeLessThan(few * 5 + 50);
  });
});

describe('C15: what an operator has paused is not sent, and goes on where it was', () => {
  const pauses = (isFunctionPaused: boolean, ...keys: readonly string[]) =>
    ({ type: 'pauses_changed', isFunctionPaused, keys: new Set(keys) }) as const;

  it('a paused function gets no request, and what is in flight ends', () => {
    const drive = driveDispatch();
    drive.receive('a', [1]);
    drive.feed(pauses(true));
    drive.receive('b', [2]);
    drive.answer(drive.post(), { 1: 'retry' });
    drive.advance(pauseMs * 1_000);
    expect(drive.open).toEqual([]);
    expect(drive.core.view).toMatchObject({ isOpen: true, requestsInFlight: 0, heldMessages: 2 });
    drive.feed(pauses(false));
    drive.advance(1);
    expect(new Set(drive.open.flat())).toEqual(new Set([1, 2]));
  });

  it('a paused key waits, in the order of the stream, and no other key does', () => {
    const drive = driveDispatch();
    drive.feed(pauses(false, 'a', 'never seen'));
    drive.receive('a', [1, 4]);
    drive.receive('b', [2]);
    drive.receive('a', [3]);
    drive.advance(pauseMs);
    expect(drive.open).toEqual([[2]]);
    drive.answer(drive.post());
    drive.feed(pauses(false));
    drive.advance(1);
    expect(drive.open).toEqual([[1, 3, 4]]);
  });

  it('a key that is paused while a request holds it waits with what that leaves', () => {
    const drive = driveDispatch(quick);
    drive.receive('a', [1, 2]);
    drive.feed(pauses(false, 'a'));
    drive.answer(drive.post(), { 2: 'retry' });
    drive.advance(pauseMs);
    expect(drive.acked).toEqual([1]);
    expect(drive.open).toEqual([]);
    drive.feed(pauses(false));
    drive.advance(1);
    expect(drive.open).toEqual([[2]]);
  });

  it('a key that comes and goes is paused all the same', () => {
    const drive = driveDispatch();
    drive.receive('a', [1]);
    drive.answer(drive.post());
    drive.feed(pauses(false, 'a'));
    drive.receive('a', [2]);
    drive.advance(pauseMs);
    expect(drive.open).toEqual([]);
  });

  it('a paused key that also waits for an earlier message goes on only when both are over', () => {
    for (const pauseEndsFirst of [true, false]) {
      const drive = driveDispatch();
      drive.feed({ type: 'key_blocked', key: 'a', sequence: 1 });
      drive.feed(pauses(false, 'a'));
      drive.receive('a', [2]);
      const endings = [pauses(false), { type: 'key_unblocked', key: 'a', sequence: 1 }] as const;
      drive.feed(endings[pauseEndsFirst ? 0 : 1]);
      drive.advance(pauseMs);
      expect(drive.open).toEqual([]);
      drive.feed(endings[pauseEndsFirst ? 1 : 0]);
      drive.advance(1);
      expect(drive.open).toEqual([[2]]);
    }
  });

  it('a function that is awaited back is not asked any more, and its messages lose nothing', () => {
    const drive = driveDispatch(quick);
    drive.receive('a', [1]);
    for (let n = 0; n < 3; n += 1) {
      drive.fail(drive.post(), failures.gateway);
      drive.health(false);
      drive.advance(pauseMs);
      if (drive.open.length === 0) break;
    }
    drive.feed(pauses(true));
    drive.health(false);
    drive.advance(pauseMs * 100);
    expect(drive.checks).toEqual([]);
    expect(drive.core.view).toMatchObject({ requestsInFlight: 0, heldMessages: 1 });
    drive.feed(pauses(false));
    drive.advance(pauseMs);
    drive.answer(drive.post());
    expect(drive.acked).toEqual([1]);
  });
});
