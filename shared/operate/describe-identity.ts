/** What the identity of a delivery says of it. */
export interface IdentityParts {
  /** Null if the identity was too long and is a hash. */
  readonly stream: string | null;
  /** The producer's `Nats-Msg-Id`; null if it gave none. */
  readonly messageId: string | null;
  /** Its place in the stream and when it came there, of messages without an id; null of the others. */
  readonly streamSequence: number | null;
  readonly publishedTime: string | null;
  /** The delivery whose rows a forward passes on, and which of its rows. */
  readonly forwardOf: { readonly identity: string; readonly routeId: string; readonly rows: string } | null;
  /** The dead letter that it was made of by an edit. */
  readonly editOf: number | null;
}

/** Reads an identity as `deliveryIdentity` and the forwards write it; `streams` are the names that are known. */
export const describeIdentity = (identity: string, streams: readonly string[]): IdentityParts => {
  const stream = streamOf(identity, streams);
  if (stream === undefined) {
    return { stream: null, messageId: null, streamSequence: null, publishedTime: null, forwardOf: null, editOf: null };
  }
  const rest = identity.slice(stream.length + 1);
  const place = /^(\d{1,15})@(\d{13,19})$/.exec(rest);
  if (place !== null) {
    const publishedTime = new Date(Number(BigInt(place[2]!) / 1_000_000n)).toISOString();
    return {
      stream,
      messageId: null,
      streamSequence: Number(place[1]),
      publishedTime,
      forwardOf: null,
      editOf: null,
    };
  }
  const [, source = '', routeId = '', rows = ''] = /^(.+)\/([^/]+)\/(\d+-\d+|none)$/.exec(rest) ?? [];
  const isForward = source !== '' && streamOf(source, streams) !== undefined;
  const [, letter] = /^edit\/(\d{1,15})@\d+\//.exec(rest) ?? [];
  return {
    stream,
    messageId: rest,
    streamSequence: null,
    publishedTime: null,
    forwardOf: isForward ? { identity: source, routeId, rows } : null,
    editOf: letter === undefined ? null : Number(letter),
  };
};

/** The longest known name that the identity begins with. */
const streamOf = (identity: string, streams: readonly string[]): string | undefined =>
  streams.filter((name) => identity.startsWith(`${name}/`)).toSorted((one, other) => other.length - one.length)[0];
