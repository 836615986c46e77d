import type { WebSocketConstructor } from '@neondatabase/serverless';
import { connect, isIP, type Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

/** Where one socket goes, and how. */
export interface SocketOptions {
  /** A host name or an IP address; what a certificate is checked against is `serverName`. */
  readonly host: string;
  readonly port: number;
  /** Of a Unix socket, in place of host and port. */
  readonly path: string | undefined;
  readonly serverName: string;
  /** Whether the name is sent in the handshake (SNI). */
  readonly sendsName: boolean;
  readonly keepAliveAfterMs: number | undefined;
  /** `plain`: not encrypted. `offered`: only if the server offers it. `direct`: TLS from the first byte. */
  readonly encryption: 'plain' | 'offered' | 'required' | 'direct';
  readonly tls: ConnectionOptions;
}

/** What the SCRAM step asks of a socket that is open. */
export interface OpenSocket {
  readonly isEncrypted: boolean;
  /** The server's certificate in DER; undefined if the connection is not encrypted. */
  readonly serverCertificate: Buffer | undefined;
}

const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const acceptsTls = 'S'.charCodeAt(0);
const refusesTls = 'N'.charCodeAt(0);
/** A peer that is frozen never closes its side: it is not waited for any longer than this. */
const closeWithinMs = 1_000;

/** A longer write goes to the kernel, or through encryption, in pieces of this size, one in a turn of the event loop. */
const maxWriteBytes = 1024 * 1024;

type Listener = (event: unknown) => void;
type EventName = 'open' | 'message' | 'close' | 'error';

const connecting = 0;
const open = 1;
const closing = 2;
const closed = 3;

/**
 * The driver's WebSocket interface over a plain TCP, TLS or Unix socket to PostgreSQL: no proxy and no framing, so the same
 * client serves Neon and any other server (the driver's own TLS breaks on writes over 16 KB).
 */
export const createTcpSocketClass = (options: SocketOptions): WebSocketConstructor =>
  class TcpSocket implements OpenSocket {
    readyState = connecting;
    binaryType = 'arraybuffer';
    #socket: Socket;
    #secure: TLSSocket | undefined;
    /** What is not written yet, in order: it begins with a long write, behind which everything waits. */
    #unsent: Uint8Array[] = [];
    #isSending = false;
    readonly #listeners: Record<EventName, Listener[]> = { open: [], message: [], close: [], error: [] };

    /** The driver's address is not looked at: the options say where to go. */
    constructor() {
      const { host, port, path, keepAliveAfterMs } = options;
      this.#socket =
        path === undefined
          ? connect({
              host,
              port,
              noDelay: true,
              keepAlive: keepAliveAfterMs !== undefined,
              keepAliveInitialDelay: keepAliveAfterMs ?? 0,
            })
          : connect({ path });
      this.#watch(this.#socket);
      this.#socket.once('connect', () => this.#start(this.#socket));
    }

    get isEncrypted(): boolean {
      return this.#secure !== undefined;
    }

    get serverCertificate(): Buffer | undefined {
      return this.#secure?.getPeerX509Certificate()?.raw;
    }

    addEventListener(type: EventName, listener: Listener): void {
      this.#listeners[type].push(listener);
    }

    send(data: Uint8Array): void {
      const socket = this.#socket;
      if (this.readyState !== open || !socket.writable) return;
      if (this.#isSending || data.length > maxWriteBytes) {
        this.#unsent.push(data);
        if (!this.#isSending) this.#sendRest();
        return;
      }
      if (socket.writableCorked === 0) {
        // The driver writes each protocol message by itself: one packet per query instead of four.
        socket.cork();
        process.nextTick(() => socket.uncork());
      }
      socket.write(data);
    }

    close(): void {
      if (this.readyState >= closing) return;
      const wasOpen = this.readyState === open;
      this.readyState = closing;
      const socket = this.#socket;
      if (!wasOpen) {
        socket.destroy();
        return;
      }
      for (const data of this.#unsent.splice(0)) socket.write(data);
      const giveUp = setTimeout(() => socket.destroy(), closeWithinMs).unref();
      socket.once('close', () => clearTimeout(giveUp));
      socket.end();
    }

    /** Writes as much as goes at once, then the rest when the kernel has taken it and the event loop has turned. */
    #sendRest(): void {
      this.#isSending = this.#unsent.length > 0;
      if (!this.#isSending) return;
      const pieces: Uint8Array[] = [];
      for (let room = maxWriteBytes; room > 0 && this.#unsent.length > 0;) {
        const data = this.#unsent.shift()!;
        if (data.length > room) this.#unsent.unshift(data.subarray(room));
        pieces.push(data.subarray(0, room));
        room -= data.length;
      }
      const last = pieces.pop()!;
      this.#socket.cork();
      for (const piece of pieces) this.#socket.write(piece);
      this.#socket.write(last, (error) => {
        if (error) this.#unsent = [];
        setImmediate(() => this.#sendRest());
      });
      this.#socket.uncork();
    }

    #start(raw: Socket): void {
      const { encryption } = options;
      if (encryption === 'plain') return this.#open(raw);
      if (encryption === 'direct') return this.#encrypt(raw);
      raw.write(sslRequest);
      raw.once('data', (answer: Buffer) => {
        // More than one byte before the handshake would be an injected plain-text answer (CVE-2021-23222).
        if (answer.length === 1 && answer[0] === acceptsTls) this.#encrypt(raw);
        else if (answer.length === 1 && answer[0] === refusesTls && encryption === 'offered') this.#open(raw);
        else raw.destroy(new Error('The server does not support SSL connections, and sslmode needs one'));
      });
    }

    #encrypt(raw: Socket): void {
      raw.removeAllListeners('error').removeAllListeners('close');
      // Errors of the raw socket come again from the TLS socket around it.
      raw.on('error', () => undefined);
      // Loaded here only: it costs about 8 ms that a connection without TLS does not pay.
      const { connect: connectTls } = process.getBuiltinModule('node:tls');
      let secure: TLSSocket;
      try {
        secure = connectTls({
          ...options.tls,
          socket: raw,
          host: options.serverName,
          servername: options.sendsName && isIP(options.serverName) === 0 ? options.serverName : '',
        });
      } catch (error) {
        // A key or a certificate that OpenSSL cannot use.
        this.#watch(raw);
        raw.destroy(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      this.#socket = secure;
      this.#watch(secure);
      secure.once('secureConnect', () => {
        if (options.encryption === 'direct' && secure.alpnProtocol !== 'postgresql') {
          secure.destroy(new Error('The server does not support SSL connections with sslnegotiation=direct'));
          return;
        }
        this.#secure = secure;
        this.#open(secure);
      });
    }

    #watch(socket: Socket): void {
      socket.once('error', (error) => this.#emit('error', error));
      socket.once('close', () => {
        this.readyState = closed;
        this.#emit('close', {});
      });
    }

    #open(socket: Socket): void {
      this.readyState = open;
      socket.on('data', (data: Buffer) => {
        try {
          this.#emit('message', { data });
        } catch (error) {
          // The driver throws on a protocol error (a wrong SCRAM signature, say): that breaks the connection, not the process.
          socket.destroy(error instanceof Error ? error : new Error(String(error)));
        }
      });
      this.#emit('open', {});
    }

    #emit(type: EventName, event: unknown): void {
      for (const listener of this.#listeners[type]) listener(event);
    }
  } satisfies WebSocketConstructor;
