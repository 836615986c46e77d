import { describe, expect, it } from 'vitest';
import { createRandom } from '../../chaos/random.ts';
import { driveDispatch, failures, type OpenPost } from '../../support/dispatch-driver.ts';

interface World {
  readonly endpoints: number;
  readonly states: number;
  readonly messages: number;
  /** How long one of the endpoints is dead; a gateway answers for it at once. */
  readonly deadMs: number;
  /** A message that kills whatever process it meets; that is back after a moment. */
  readonly killer?: number;
  /** For how long a gateway leads to an endpoint that was killed; 100 ms if absent. */
  readonly lagMs?: number;
  /** One endpoint after the other; at random if absent. */
  readonly takesTurns?: true;
}

/** A gateway that spreads requests and health checks over endpoints, one of which is dead for a while. */
const run = (world: World, seed: number) => {
  const random = createRandom(seed);
  const drive = driveDispatch({}, seed);
  const startMs = drive.nowMs;
  const downUntilMs = Array.from({ length: world.endpoints }, (_, n) => (n === 0 ? startMs + world.deadMs : 0));
  const due: { readonly atMs: number; readonly happen: () => void }[] = [];
  const isDown = (endpoint: number): boolean => downUntilMs[endpoint]! > drive.nowMs;
  let turn = 0;
  const pick = (): number =>
    world.takesTurns === true ? (turn += 1) % world.endpoints : random.between(0, world.endpoints - 1);

  const serve = (post: OpenPost, endpoint: number): void => {
    if (isDown(endpoint)) return void drive.fail(post, failures.gateway);
    if (world.killer === undefined || !post.sequences.includes(world.killer)) return void drive.answer(post);
    downUntilMs[endpoint] = drive.nowMs + (world.lagMs ?? 100);
    drive.fail(post, failures.gateway);
  };
  const seen = new Set<number>();
  const look = (): void => {
    for (const sequences of drive.open) {
      const post = drive.post(sequences[0]);
      if (seen.has(post.requestId)) continue;
      seen.add(post.requestId);
      const endpoint = pick();
      due.push({ atMs: drive.nowMs + (isDown(endpoint) ? 1 : 6), happen: () => serve(post, endpoint) });
    }
    for (const requestId of drive.checks.splice(0)) {
      const isAlive = !isDown(pick());
      due.push({
        atMs: drive.nowMs + 1,
        happen: () => void drive.feed({ type: 'health_answered', requestId, isAlive }),
      });
    }
  };

  let published = 0;
  while (drive.nowMs < startMs + 600_000) {
    while (
      published < world.messages &&
      (published * Math.max(world.deadMs, 1_000)) / world.messages <= drive.nowMs - startMs
    ) {
      published += 1;
      drive.receive(`state${published % world.states}`, [published]);
    }
    look();
    drive.advance(1);
    for (const one of due.splice(0)) {
      if (one.atMs <= drive.nowMs) one.happen();
      else due.push(one);
    }
    if (published === world.messages && drive.core.view.heldMessages === 0) break;
  }
  const given = { rejected: drive.rejected.map(({ message }) => message.sequence), acked: drive.acked.length };
  return { given, tookMs: drive.nowMs - startMs };
};

describe('C7: behind a gateway one of whose endpoints is dead', () => {
  it.each<[string, World]>([
    ['one of two for 15 s, 300 states', { endpoints: 2, states: 300, messages: 1_200, deadMs: 15_000 }],
    ['one of three for 15 s, 100 states', { endpoints: 3, states: 100, messages: 1_200, deadMs: 15_000 }],
    ['one of two for 15 s, two states', { endpoints: 2, states: 2, messages: 300, deadMs: 15_000 }],
  ])('no good message is given up: %s', (_name, world) => {
    for (let seed = 1; seed <= 5; seed += 1) {
      expect(run(world, seed).given, `seed ${seed}`).toEqual({ rejected: [], acked: world.messages });
    }
  });

  it.each<[string, World]>([
    ['all endpoints sound', { endpoints: 2, states: 30, messages: 300, deadMs: 0, killer: 150 }],
    ['one process only', { endpoints: 1, states: 30, messages: 300, deadMs: 0, killer: 150 }],
    ['one of two dead', { endpoints: 2, states: 30, messages: 300, deadMs: 15_000, killer: 150 }],
    ['one key', { endpoints: 2, states: 1, messages: 300, deadMs: 0, killer: 150 }],
    ['in turn, one key', { endpoints: 2, states: 1, messages: 300, deadMs: 0, killer: 150, takesTurns: true }],
    [
      'in turn, with lag',
      { endpoints: 2, states: 1, messages: 60, deadMs: 0, killer: 9, takesTurns: true, lagMs: 500 },
    ],
    ['three in turn', { endpoints: 3, states: 1, messages: 60, deadMs: 0, killer: 9, takesTurns: true, lagMs: 500 }],
    ['in turn, one dead', { endpoints: 2, states: 1, messages: 60, deadMs: 5_000, killer: 9, takesTurns: true }],
    [
      'in turn, two keys',
      { endpoints: 2, states: 2, messages: 60, deadMs: 0, killer: 9, takesTurns: true, lagMs: 500 },
    ],
    ['with lag, 30 keys', { endpoints: 2, states: 30, messages: 300, deadMs: 0, killer: 150, lagMs: 500 }],
  ])('a message that kills is found all the same, within two minutes: %s', (_name, world) => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const { given, tookMs } = run(world, seed);
      expect(given, `seed ${seed}`).toEqual({ rejected: [world.killer], acked: world.messages - 1 });
      // Its key stands still for so long.
      expect(tookMs, `seed ${seed}`).toBeLessThan(120_000);
    }
  });
});
