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
  /** Half open: connections stand, nothing arrives, nobody says so. */
  | { readonly kind: 'stall' };

/** Cuts a connection when an answer has come from behind the proxy and before it is passed on. */
export interface AnswerCut {
  /** Only where the request since the last answer looks so. */
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
  /** Breaks every connection; returns how many there were. */
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

  const destroy = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  };

  const write = (to: Socket, data: Buffer): void => {
    if (!to.destroyed) to.write(data);
  };

  /** Passes data on in order, as late as the mode of that moment says. */
  const createLane = (from: Socket, to: Socket): ((data: Buffer) => void) => {
    let tail = Promise.resolve();
    let waiting = 0;
    const pass = async (data: Buffer): Promise<void> => {
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
    return (data) => {
      if (mode.kind === 'open' && waiting === 0) return write(to, data);
      waiting += data.length;
      if (waiting > 1_048_576) from.pause();
      tail = tail
        .then(() => pass(data))
        .then(() => {
          waiting -= data.length;
          if (waiting <= 1_048_576) from.resume();
        });
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
    const server = connect({ port: target.port, host: '127.0.0.1' });
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
      toServer(data);
    });
    server.on('data', (data) => {
      if (mode.kind !== 'open') met += 1;
      if (mode.kind === 'stall') {
        pair.stalled = true;
        return;
      }
      if (heldBack(pair, data)) return;
      pair.request = '';
      for (const part of pair.held.splice(0)) toClient(part);
      toClient(data);
    });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      // Broken connections are what a proxy is for: the other side learns of it by its own.
      from.on('error', () => destroy(pair));
      from.on('end', () => to.end());
      from.on('close', () => destroy(pair));
    }
  };

  const listener = createServer({ allowHalfOpen: true }, serve);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');

  const cutAll = (): number => {
    const count = pairs.size;
    for (const pair of pairs) destroy(pair);
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
      listener.close();
      cutAll();
      await once(listener, 'close');
    },
  };
};
