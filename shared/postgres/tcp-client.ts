import { Client, type ClientConfig } from '@neondatabase/serverless';
import { bindMessageParts, type BindConfig } from './bind-message.ts';
import { isServerKey, sendCancelRequest } from './cancel-request.ts';
import { serverEndPoint } from './channel-binding.ts';
import type { ConnectionTarget } from './connection-target.ts';
import { answerScram, chooseScram, createScramNonce, scramFirst, type ScramBinding } from './scram.ts';
import { createTcpSocketClass, type OpenSocket, type SocketOptions } from './tcp-socket.ts';

/** What is asked of the way in which the server lets us in. */
export interface AuthenticationRules {
  readonly channelBinding: ConnectionTarget['channelBinding'];
  readonly requireAuth: ConnectionTarget['requireAuth'];
}

/** The driver's client over our own socket, with our own SCRAM. */
export interface TcpClient extends Client {
  readonly isEncrypted: boolean;
  /** Asks the server to end what it is doing for this client; a pooler is not asked. Never rejects. */
  cancelStatement(): Promise<void>;
}

/**
 * A client that is not connected yet. The driver's own SCRAM step makes thousands of WebCrypto calls (300 ms), knows no
 * channel binding, and takes a server's word that it may be trusted without proof; ours does not.
 */
export const createTcpClient = (config: ClientConfig, socket: SocketOptions, rules: AuthenticationRules): TcpClient =>
  new (class extends Client {
    /** What the server asked for; none yet means that it asks for nothing. */
    #method = 'none';
    #isProven = true;
    #binding: ScramBinding | undefined;

    constructor() {
      super(config);
      Object.assign(this.neonConfig, {
        webSocketConstructor: createTcpSocketClass(socket),
        wsProxy: () => 'localhost',
        useSecureWebSocket: false,
        forceDisablePgSSL: true, // TLS is the socket's work
        pipelineConnect: false, // the default sends the password in clear before any server reply
        coalesceWrites: false, // the default adds more than 1 ms to every query
      });
      const { connection } = internals(this);
      connection.on('authenticationOk', () => this.#guard(() => this.#checkEnd()));
      const bind = connection.bind.bind(connection);
      connection.bind = (values) => {
        const parts = bindMessageParts(values);
        if (parts === undefined) bind(values);
        else for (const part of parts) connection._send(part);
      };
    }

    get isEncrypted(): boolean {
      return internals(this).connection.stream.ws?.isEncrypted === true;
    }

    async cancelStatement(): Promise<void> {
      const { processID: processId, secretKey } = internals(this);
      if (processId === null || secretKey === null || !isServerKey({ processId, secretKey })) return;
      const encryption = !this.isEncrypted ? 'plain' : socket.encryption === 'direct' ? 'direct' : 'required';
      await sendCancelRequest({ ...socket, encryption }, { processId, secretKey });
    }

    override _handleAuthCleartextPassword = (): void => {
      this.#guard(() => {
        this.#begin('password');
        internals(this).connection.password(this.#password());
      });
    };

    _handleAuthMD5Password(message: unknown): void {
      this.#guard(() => {
        this.#begin('md5');
        this.#password();
        (Client.prototype as unknown as Internals)._handleAuthMD5Password.call(this, message);
      });
    }

    _handleAuthSASL(message: { readonly mechanisms: readonly string[] }): void {
      this.#guard(() => {
        this.#begin('scram-sha-256');
        this.#password();
        const self = internals(this);
        const certificate = self.connection.stream.ws?.serverCertificate;
        const endPoint = certificate === undefined ? undefined : serverEndPoint(certificate);
        const binding = chooseScram(message.mechanisms, rules.channelBinding, endPoint);
        this.#binding = binding;
        this.#isProven = false;
        const clientNonce = createScramNonce();
        self.saslSession = { message: 'SASLInitialResponse', clientNonce };
        self.connection.sendSASLInitialResponseMessage(binding.mechanism, scramFirst(binding, clientNonce));
      });
    }

    override async _handleAuthSASLContinue(message: { readonly data: string }): Promise<void> {
      const self = internals(this);
      try {
        const session = self.saslSession;
        if (session === null) throw new Error('SCRAM: the server continues what was not begun');
        const reply = await answerScram(this.#password(), session.clientNonce, message.data, this.#binding);
        self.saslSession = { ...session, message: 'SASLResponse', ...reply };
        self.connection.sendSCRAMClientFinalMessage(reply.response);
      } catch (error) {
        self.connection.emit('error', error);
      }
    }

    _handleAuthSASLFinal(message: unknown): void {
      // Throws if the signature is wrong, which breaks the connection.
      (Client.prototype as unknown as Internals)._handleAuthSASLFinal.call(this, message);
      this.#isProven = true;
    }

    #begin(method: string): void {
      this.#method = method;
      if (rules.channelBinding === 'require' && method !== 'scram-sha-256') {
        throw new Error(`SCRAM: channel_binding=require, but the server asks for ${method}`);
      }
      this.#checkMethod();
    }

    #checkEnd(): void {
      if (!this.#isProven) throw new Error('SCRAM: the server does not prove that it knows the password');
      if (rules.channelBinding === 'require' && this.#binding?.mechanism !== 'SCRAM-SHA-256-PLUS') {
        throw new Error('SCRAM: channel_binding=require, but the server did not ask for it');
      }
      this.#checkMethod();
    }

    #checkMethod(): void {
      const { requireAuth } = rules;
      if (requireAuth === undefined) return;
      const isAllowed = requireAuth[0]!.startsWith('!')
        ? !requireAuth.includes(`!${this.#method}`)
        : requireAuth.includes(this.#method);
      if (!isAllowed) {
        throw new Error(`SASL: require_auth=${requireAuth.join(',')}, but the server asks for ${this.#method}`);
      }
    }

    #password(): string {
      const { password } = internals(this);
      if (typeof password !== 'string' || password === '') {
        throw new Error('password must be a string: the server asks for one, and none is given');
      }
      return password;
    }

    /** Runs a step of the authentication; what it throws ends the connection. */
    #guard(step: () => void): void {
      try {
        step();
      } catch (error) {
        internals(this).connection.emit('error', error);
      }
    }
  })();

interface Internals {
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly password: unknown;
  saslSession: { readonly message: string; readonly clientNonce: string } | null;
  readonly connection: {
    readonly stream: { readonly ws?: OpenSocket };
    on(event: 'authenticationOk', listener: () => void): void;
    emit(event: 'error', error: unknown): void;
    bind: (values: BindConfig) => void;
    _send(message: Buffer): void;
    password(password: string): void;
    sendSASLInitialResponseMessage(mechanism: string, response: string): void;
    sendSCRAMClientFinalMessage(response: string): void;
  };
  _handleAuthMD5Password(message: unknown): void;
  _handleAuthSASLFinal(message: unknown): void;
}

/** The driver's own parts that authentication and large values need; its version is pinned. */
const internals = (client: Client): Internals => client as unknown as Internals;
