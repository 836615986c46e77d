// What answers a function while its image is made: as much of PostgreSQL and of nats-server as one message needs. Every row is
// made up, and nothing is kept. Without them the compile cache would lack all that runs behind a connection.
import { createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** Lets everybody in who knows the password, as SCRAM tells them, and answers the statements of one message. */
export const startWarmPostgres = (password: string): Promise<number> =>
  serve((socket) => {
    const scram = createScram(password);
    const texts = new Map<string, string>();
    let bound = '';
    let steps = 0;
    const answer = (type: string, body: Buffer): Buffer => {
      const [first = '', second = ''] = body.toString('utf8').split('\0');
      if (type === 'p' && (steps += 1) === 1) return authentication(11, scram.first(body.toString('utf8')));
      if (type === 'p') {
        const proven = authentication(12, scram.final(body.toString('utf8')));
        return Buffer.concat([proven, authentication(0), message('K', int32(1), int32(1)), ready]);
      }
      if (type === 'Q') {
        const rows = first.split(';\n').map(answerTo);
        return Buffer.concat([...rows.flatMap((row) => [describe(row), dataOf(row)]), ready]);
      }
      if (type === 'P') texts.set(first, second);
      if (type === 'B') bound = texts.get(second) ?? '';
      const replies: Readonly<Record<string, () => Buffer>> = {
        P: () => message('1'),
        B: () => message('2'),
        D: () => describe(answerTo(bound)),
        E: () => dataOf(answerTo(bound)),
        S: () => ready,
      };
      return replies[type]?.() ?? Buffer.alloc(0);
    };
    let rest = Buffer.alloc(0);
    let isStarted = false;
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      for (;;) {
        const letter = isStarted ? 1 : 0;
        if (rest.length < letter + 4) return;
        const end = letter + rest.readUInt32BE(letter);
        if (rest.length < end) return;
        const body = rest.subarray(letter + 4, end);
        if (isStarted && rest[0] === terminate) socket.end();
        else if (isStarted) socket.write(answer(String.fromCharCode(rest[0]!), body));
        // Eight bytes ask for TLS, which is not to be had; what begins the session follows.
        else if (end === 8) socket.write('N');
        else {
          isStarted = true;
          socket.write(authentication(10, 'SCRAM-SHA-256\0\0'));
        }
        rest = rest.subarray(end);
      }
    });
  });

/** Greets, and confirms what is published with a reply subject as a stream would. */
export const startWarmNats = (): Promise<number> =>
  serve((socket) => {
    const greeting = { server_id: 'warm', version: '2.10.0', proto: 1, headers: true, max_payload: 1_048_576 };
    socket.write(`INFO ${JSON.stringify(greeting)}\r\n`);
    const subscriptions: { readonly prefix: string; readonly id: string }[] = [];
    const confirm = (subject: string): void => {
      const id = subscriptions.find(({ prefix }) => subject.startsWith(prefix))?.id;
      const ack = '{"stream":"warm","seq":1}';
      if (id !== undefined) socket.write(`MSG ${subject} ${id} ${ack.length}\r\n${ack}\r\n`);
    };
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      rest += text;
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const [verb = '', ...words] = rest.slice(0, end).split(' ');
        const isPublish = verb === 'PUB' || verb === 'HPUB';
        const bodyBytes = isPublish ? Number(words.at(-1)) + 2 : 0;
        if (rest.length < end + 2 + bodyBytes) return;
        rest = rest.slice(end + 2 + bodyBytes);
        if (verb === 'PING') socket.write('PONG\r\n');
        if (verb === 'SUB') subscriptions.push({ prefix: words[0]!.replace(/[*>].*$/, ''), id: words.at(-1)! });
        // Subject, reply, size; one size more with headers.
        if (isPublish && words.length === (verb === 'PUB' ? 3 : 4)) confirm(words[1]!);
      }
    });
  });

/** Resolves to the port. The server does not keep its process alive. */
const serve = async (onConnection: (socket: Socket) => void): Promise<number> => {
  const server = createServer((socket) => {
    // A process that ends resets its connections.
    socket.on('error', () => socket.destroy());
    onConnection(socket.unref());
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

type Value = string | number | boolean | object | null;
type Row = Readonly<Record<string, Value>>;

const route = (direction: string): Row => ({
  id: 'warm:warm',
  processorId: 'warm',
  stateId: 'warm',
  direction,
  status: 'CREATED',
  count: 0,
  currentIndex: 0,
  maximumIndex: 0,
});

const column = (id: number, name: string): Row => ({
  id: String(id),
  name,
  dataType: 'str',
  displayOrder: id,
  value: null,
  callable: false,
});

/** A state with a primary key and somebody behind it. */
const state: Row = {
  id: 'warm',
  project_id: null,
  state_type: 'StateConfig',
  properties: '{"routing": {"mode": "after_save", "dispatch": "individual"}}',
  config: { name: 'warm' },
  columns: ['warm', 'state_key', 'state_key_plain'].map((name, index) => column(index + 1, name)),
  keys: [{ name: 'warm', alias: null, required: false, callable: false, definitionType: 'primary_key' }],
};

const processor: Row = {
  id: 'warm',
  providerId: 'processor/usage',
  projectId: null,
  name: 'warm',
  status: 'CREATED',
  properties: null,
};

const stored: Row = {
  start: '0',
  message_id: null,
  row_count: null,
  forwarded: null,
  state_id: null,
  content_hash: null,
};

/** The answers, each by a word that only its statement has; to any other no row is the answer. */
const answers: readonly (readonly [part: string, row: Row])[] = [
  ['pg_index', { found: true }],
  ['insert into', stored],
  ['row_to_json', { route: route('OUTPUT'), state, behind: [route('INPUT')] }],
  ['json_object_agg', state],
  ["'INPUT'", route('INPUT')],
  ['"processorId"', route('OUTPUT')],
  ['"providerId"', processor],
  ['row_security_active', { hasRows: true, isFiltered: false, user: 'warm' }],
];

const answerTo = (text: string): Row | undefined => answers.find(([part]) => text.includes(part))?.[1];

const typeOf = (value: Value): number =>
  typeof value === 'boolean'
    ? 16
    : typeof value === 'number'
      ? 23
      : value !== null && typeof value === 'object'
        ? 114
        : 25;

const textOf = (value: Exclude<Value, null>): string =>
  typeof value === 'boolean' ? (value ? 't' : 'f') : typeof value === 'object' ? JSON.stringify(value) : String(value);

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int16 = (value: number): Buffer => int32(value).subarray(2);
const zeroEnded = (text: string): Buffer => Buffer.from(`${text}\0`);

const message = (type: string, ...parts: readonly (Buffer | string)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};

const describe = (row: Row | undefined): Buffer => {
  if (row === undefined) return message('n');
  const fields = Object.entries(row).map(([name, value]) =>
    // Name; table and column; type, its size, its modifier; as text.
    Buffer.concat([zeroEnded(name), int32(0), int16(0), int32(typeOf(value)), int16(-1), int32(-1), int16(0)]),
  );
  return message('T', int16(fields.length), ...fields);
};

const dataOf = (row: Row | undefined): Buffer => {
  if (row === undefined) return message('C', zeroEnded('SELECT 0'));
  const values = Object.values(row).map((value) => {
    if (value === null) return int32(-1);
    const bytes = Buffer.from(textOf(value));
    return Buffer.concat([int32(bytes.length), bytes]);
  });
  return Buffer.concat([message('D', int16(values.length), ...values), message('C', zeroEnded('SELECT 1'))]);
};

const ready = message('Z', 'I');
const terminate = 'X'.charCodeAt(0);
const authentication = (step: number, text = ''): Buffer => message('R', int32(step), text);

/** The server's side of SCRAM-SHA-256 (RFC 5802) for a client whose proof is not looked at. */
const createScram = (password: string) => {
  const salt = randomBytes(16);
  const iterations = 4_096;
  let clientFirst = '';
  let serverFirst = '';
  const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  return {
    first: (said: string): string => {
      clientFirst = said.slice(said.indexOf('n=*'));
      const nonce = /r=(.*)$/.exec(clientFirst)?.[1] ?? '';
      serverFirst = `r=${nonce}warm,s=${salt.toString('base64')},i=${iterations}`;
      return serverFirst;
    },
    final: (said: string): string => {
      const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
      const signed = `${clientFirst},${serverFirst},${said.replace(/,p=.*$/, '')}`;
      return `v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`;
    },
  };
};
