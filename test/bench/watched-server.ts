import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TimedStep } from './waterfall.ts';

/** Stands before a server and notes what its clients ask of it, and how long each answer takes. */
export interface WatchedServer {
  readonly port: number;
  /** Since the last call; times are milliseconds since the epoch. */
  readonly take: () => readonly TimedStep[];
  readonly close: () => Promise<void>;
}

/** What one connection says; a step begins with the client's bytes and ends with the server's. */
interface ConnectionWatch {
  readonly fromClient: (bytes: Buffer) => void;
  readonly fromServer: (bytes: Buffer) => void;
}

/** Begins a step; the function that it returns ends it. */
type Begin = (name: string) => () => void;

const nowMs = (): number => performance.timeOrigin + performance.now();

const watchServer = async (
  target: { readonly host: string; readonly port: number },
  watch: (begin: Begin) => ConnectionWatch,
): Promise<WatchedServer> => {
  let steps: TimedStep[] = [];
  const begin: Begin = (name) => {
    const startMs = nowMs();
    return () => void steps.push({ name, startMs, endMs: nowMs() });
  };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const { fromClient, fromServer } = watch(begin);
    const upstream = connect({ ...target, noDelay: true });
    const pass = (from: Socket, to: Socket, see: (bytes: Buffer) => void): void => {
      sockets.add(from);
      from.on('data', (bytes: Buffer) => {
        to.write(bytes);
        see(bytes);
      });
      // A process that is killed resets its connections: the other side ends then.
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.end();
      });
    };
    pass(client, upstream, fromClient);
    pass(upstream, client, fromServer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    take: () => {
      const taken = steps;
      steps = [];
      return taken;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};

/** Between a client without encryption and PostgreSQL: a step for the way in, and one for each statement. */
export const watchPostgres = (target: { readonly host: string; readonly port: number }): Promise<WatchedServer> =>
  watchServer(target, (begin) => {
    const names = new Map<string, string>();
    let end: (() => void) | undefined = begin('PostgreSQL: connects, authenticates');
    let asksForTls = false;
    const fromClient = typedMessages(true, (type, body) => {
      asksForTls ||= type === '' && body.length === 4;
      const [first = '', second = ''] = body.toString('utf8').split('\0');
      if (type === 'P') names.set(first, second);
      const text = { P: second, B: names.get(second), Q: first }[type];
      if (text !== undefined) end ??= begin(`PostgreSQL: ${labelOf(text)}`);
    });
    const fromServer = typedMessages(false, (type) => {
      if (type !== 'Z') return;
      end?.();
      end = undefined;
    });
    return {
      fromClient,
      fromServer: (bytes) => {
        // One letter, without a length: the server has no TLS.
        if (asksForTls) asksForTls = false;
        else fromServer(bytes);
      },
    };
  });

/**
 * Cuts PostgreSQL's protocol into messages: a letter, four bytes of length, the rest. The client's first has no letter, and
 * neither has the next one if the first asked for TLS.
 */
const typedMessages = (
  isFirstUntyped: boolean,
  onMessage: (type: string, body: Buffer) => void,
): ((bytes: Buffer) => void) => {
  let rest = Buffer.alloc(0);
  let letter = isFirstUntyped ? 0 : 1;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= letter + 4) {
      const length = letter + rest.readUInt32BE(letter);
      if (rest.length < length) return;
      onMessage(letter === 0 ? '' : String.fromCharCode(rest[0]!), rest.subarray(letter + 4, length));
      rest = rest.subarray(length);
      if (length > tlsRequestBytes) letter = 1;
    }
  };
};

const tlsRequestBytes = 8;

/** What a statement does, by a word that only its text has. */
const labels: readonly (readonly [part: string, label: string])[] = [
  ['pg_index', 'prepares: reads what it must know of the tables'],
  ['insert into', 'stores rows'],
  ['row_to_json', 'reads route, state and what stands behind it'],
  ['json_object_agg', 'reads the state'],
  ["'INPUT'", 'reads the routes behind the state'],
  ['"processorId"', 'reads the route'],
  ['row_security_active', 'looks at what may be seen'],
  ['update', 'marks forwarded'],
];

const labelOf = (text: string): string => {
  const found = labels.find(([part]) => text.includes(part));
  return found?.[1] ?? text.trim().replaceAll(/\s+/g, ' ').slice(0, 40);
};

/** Between a client without encryption and nats-server: a step for the way in, and one from a publish to its answer. */
export const watchNats = (target: { readonly host: string; readonly port: number }): Promise<WatchedServer> =>
  watchServer(target, (begin) => {
    const connected = begin('nats-server: connects');
    let isIn = false;
    let end: (() => void) | undefined;
    return {
      fromClient: (bytes) => {
        if (/(^|\r\n)H?PUB /.test(bytes.toString('latin1'))) end ??= begin('nats-server: publishes');
      },
      fromServer: (bytes) => {
        const text = bytes.toString('latin1');
        if (!isIn && text.includes('PONG\r\n')) {
          isIn = true;
          connected();
        }
        if (!/(^|\r\n)H?MSG /.test(text)) return;
        end?.();
        end = undefined;
      },
    };
  });
