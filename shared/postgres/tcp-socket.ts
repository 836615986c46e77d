import type { WebSocketConstructor } from '@neondatabase/serverless';
import { connect, isIP, type Socket } from 'node:net';
import type { TlsSettings } from './connection-url.ts';

const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const acceptsTls = 'S'.charCodeAt(0);
const refusesTls = 'N'.charCodeAt(0);
const keepAliveAfterMs = 10_000;
/** A peer that is frozen never closes its side: it is not waited for any longer than this. */
const closeWithinMs = 1_000;

type Listener = (event: unknown) => void;
type EventName = 'open' | 'message' | 'close' | 'error';

const connecting = 0;
const open = 1;
const closing = 2;
const closed = 3;

/**
 * The driver's WebSocket interface over a plain TCP or TLS socket to PostgreSQL: no proxy and no framing, so the same
 * client serves Neon and any other server (the driver's own TLS breaks on writes over 16 KB).
 */
export const createTcpSocketClass = (tls: TlsSettings | undefined): WebSocketConstructor =>
  class TcpSocket {
    readyState = connecting;
    binaryType = 'arraybuffer';
    #socket: Socket;
    readonly #host: string;
    readonly #listeners: Record<EventName, Listener[]> = { open: [], message: [], close: [], error: [] };

    /** @param address `ws://host:port`, as the driver builds it. */
    constructor(address: string) {
      const { hostname, port } = new URL(address);
      this.#host = hostname.replace(/^\[(.*)\]$/, '$1');
      this.#socket = connect({
        host: this.#host,
        port: Number(port || 5432),
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveAfterMs,
      });
      this.#watch(this.#socket);
      this.#socket.once('connect', () => this.#start(this.#socket));
    }

    addEventListener(type: EventName, listener: Listener): void {
      this.#listeners[type].push(listener);
    }

    send(data: Uint8Array): void {
      const socket = this.#socket;
      if (this.readyState !== open || !socket.writable) return;
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
      const giveUp = setTimeout(() => socket.destroy(), closeWithinMs).unref();
      socket.once('close', () => clearTimeout(giveUp));
      socket.end();
    }

    #start(raw: Socket): void {
      if (tls === undefined) {
        this.#open(raw);
        return;
      }
      raw.write(sslRequest);
      raw.once('data', (answer: Buffer) => {
        // More than one byte before the handshake would be an injected plain-text answer (CVE-2021-23222).
        if (answer.length === 1 && answer[0] === acceptsTls) this.#encrypt(raw, tls);
        else if (answer.length === 1 && answer[0] === refusesTls && tls.mode === 'prefer') this.#open(raw);
        else raw.destroy(new Error(`The server does not support SSL connections, and sslmode=${tls.mode} needs one`));
      });
    }

    #encrypt(raw: Socket, settings: TlsSettings): void {
      raw.removeAllListeners('error').removeAllListeners('close');
      // Errors of the raw socket come again from the TLS socket around it.
      raw.on('error', () => undefined);
      // Loaded here only: it costs about 8 ms that a connection without TLS does not pay.
      const { connect: connectTls } = process.getBuiltinModule('node:tls');
      const verifies = settings.mode === 'verify-ca' || settings.mode === 'verify-full';
      const secure = connectTls({
        socket: raw,
        host: this.#host,
        servername: isIP(this.#host) === 0 ? this.#host : '',
        rejectUnauthorized: verifies,
        ...(settings.mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
        ...(settings.ca !== undefined && { ca: settings.ca }),
        ...(settings.cert !== undefined && { cert: settings.cert }),
        ...(settings.key !== undefined && { key: settings.key }),
      });
      this.#socket = secure;
      this.#watch(secure);
      secure.once('secureConnect', () => this.#open(secure));
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
