import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** How a link behaves; every one but `open` is a fault. */
export type LinkMode =
  | { readonly kind: 'open' }
  /** Connections end as soon as they are made. */
  | { readonly kind: 'refuse' }
  /** Every piece of data is late by a time between the two (milliseconds), in order. */
  | { readonly kind: 'delay'; readonly leastMs: number; readonly mostMs: number }
  /** A few bytes at a time. */
  | { readonly kind: 'trickle'; readonly bytesPerSecond: number }
  /** Half open: connections stand, nothing arrives, nobody says so. What was sent meanwhile is lost, with its connection. */
  | { readonly kind: 'stall' }
  /** A partition that heals: nothing arrives until the mode ends, then everything does, in order. */
  | { readonly kind: 'hold' };

/** Cuts a connection when an answer has come from behind the proxy and before it is passed on. */
export interface AnswerCut {
  /** Only if the request since the last answer looks so. */
  readonly request: RegExp;
  /** What to do with the answer so far: cut it, wait for more of it, or let it through. */
  readonly judge: (answer: Buffer) => 'cut' | 'wait' | 'pass';
  /** How much of the answer gets through: 0 none of it, 0.5 half. */
  readonly share: number;
}

export interface TcpProxy {
  readonly port: number;
  /** Where new connections lead; may be changed at any time. */
  target: { port: number };
  readonly connections: number;
  /** Answers that were cut so far. */
  readonly cuts: number;
  /** Connections that a mode broke, and pieces of data that it held up, so far. */
  readonly met: number;
  setMode(mode: LinkMode): void;
  /** Breaks every connection, about half of them by a reset; returns how many there were. */
  cutAll(): number;
  /** Cuts the next answers, one for each entry. */
  cutAnswers(cut: AnswerCut, count: number): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  request: string;
  held: Buffer[];
  /** Lost bytes while it was stalled: it can only be broken then. */
  stalled: boolean;
}

/** One direction of a connection. */
interface Lane {
  send(data: Buffer): void;
  /** When all that was sent before has passed: the end of a connection does not overtake its data. */
  after(work: () => void): void;
}

const maxRequestText = 65_536;
const trickleTickMs = 50;

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A TCP link on 127.0.0.1 whose faults a test decides. */
export const startTcpProxy = async (targetPort: number, random: () => number): Promise<TcpProxy> => {
  const pairs = new Set<Pair>();
  const target = { port: targetPort };
  let mode: LinkMode = { kind: 'open' };
  let answerCut: AnswerCut | undefined;
  let cutsLeft = 0;
  let cuts = 0;
  let met = 0;
  let closed = false;

  /** Lanes that wait for another mode. */
  const waiters: (() => void)[] = [];
  const wake = (): void => {
    for (const go of waiters.splice(0)) go();
  };

  const destroy = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  };

  const reset = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.server.resetAndDestroy();
  };

  const write = (to: Socket, data: Buffer): void => {
    if (!to.destroyed) to.write(data);
  };

  /** Passes data on in order, as late as the mode of that moment says. */
  const createLane = (from: Socket, to: Socket): Lane => {
    let tail = Promise.resolve();
    let waiting = 0;
    const isHeld = (): boolean => mode.kind === 'hold' && !closed;
    const untilLetGo = async (): Promise<void> => {
      while (isHeld()) await new Promise<void>((resolve) => waiters.push(resolve));
    };
    const pass = async (data: Buffer): Promise<void> => {
      await untilLetGo();
      const now = mode;
      if (now.kind === 'delay') await later(now.leastMs + random() * (now.mostMs - now.leastMs));
      if (now.kind !== 'trickle') return write(to, data);
      const size = Math.max(1, Math.floor((now.bytesPerSecond * trickleTickMs) / 1_000));
      for (let at = 0; at < data.length; at += size) {
        // A link that is mended lets the rest through at once.
        if (mode.kind !== 'trickle' || to.destroyed) return write(to, data.subarray(at));
        write(to, data.subarray(at, at + size));
        await later(trickleTickMs);
      }
    };
    return {
      send: (data) => {
        if (mode.kind === 'open' && waiting === 0) return write(to, data);
        waiting += data.length;
        if (waiting > 1_048_576) from.pause();
        tail = tail
          .then(() => pass(data))
          .then(() => {
            waiting -= data.length;
            if (waiting <= 1_048_576) from.resume();
          });
      },
      after: (work) => {
        tail = tail.then(untilLetGo).then(work);
      },
    };
  };

  /** Holds an answer back while a cut is armed for its request; whether the data was taken. */
  const heldBack = (pair: Pair, data: Buffer): boolean => {
    if (answerCut === undefined || !answerCut.request.test(pair.request)) return false;
    const answer = Buffer.concat([...pair.held, data]);
    const verdict = answerCut.judge(answer);
    if (verdict === 'pass') return false;
    pair.held.push(data);
    if (verdict === 'wait') return true;
    const { share } = answerCut;
    cutsLeft -= 1;
    cuts += 1;
    if (cutsLeft <= 0) answerCut = undefined;
    if (share > 0) {
      pair.client.write(answer.subarray(0, Math.floor(answer.length * share)));
      pair.client.end();
      setTimeout(() => destroy(pair), 20);
    } else destroy(pair);
    return true;
  };

  const serve = (client: Socket): void => {
    if (mode.kind === 'refuse') {
      met += 1;
      client.destroy();
      return;
    }
    const server = connect({ port: target.port, host: '127.0.0.1', allowHalfOpen: true });
    const pair: Pair = { client, server, request: '', held: [], stalled: mode.kind === 'stall' };
    pairs.add(pair);
    const toServer = createLane(client, server);
    const toClient = createLane(server, client);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (data) => {
      if (mode.kind !== 'open') met += 1;
      if (mode.kind === 'stall') {
        pair.stalled = true;
        return;
      }
      if (answerCut !== undefined) pair.request = (pair.request + data.toString('latin1')).slice(-maxRequestText);
      toServer.send(data);
    });
    server.on('data', (data) => {
      if (mode.kind !== 'open') met += 1;
      if (mode.kind === 'stall') {
        pair.stalled = true;
        return;
      }
      if (heldBack(pair, data)) return;
      pair.request = '';
      for (const part of pair.held.splice(0)) toClient.send(part);
      toClient.send(data);
    });
    for (const [from, to, lane] of [
      [client, server, toServer],
      [server, client, toClient],
    ] as const) {
      // Broken connections are what a proxy is for: the other side learns of it by its own, once the news can pass.
      from.on('error', () => from.destroy());
      from.on('end', () => lane.after(() => to.end()));
      from.on('close', () => lane.after(() => destroy(pair)));
    }
  };

  const listener = createServer({ allowHalfOpen: true }, serve);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');

  const cutAll = (): number => {
    const count = pairs.size;
    for (const pair of pairs) (random() < 0.5 ? reset : destroy)(pair);
    return count;
  };

  return {
    port: (listener.address() as AddressInfo).port,
    target,
    get connections() {
      return pairs.size;
    },
    get cuts() {
      return cuts;
    },
    get met() {
      return met;
    },
    setMode: (wanted) => {
      mode = wanted;
      wake();
      if (mode.kind === 'refuse') met += cutAll();
      if (mode.kind === 'stall') return;
      for (const pair of pairs) if (pair.stalled) destroy(pair);
    },
    cutAll,
    cutAnswers: (cut, count) => {
      answerCut = count > 0 ? cut : undefined;
      cutsLeft = count;
    },
    close: async () => {
      closed = true;
      wake();
      listener.close();
      cutAll();
      await once(listener, 'close');
    },
  };
};
