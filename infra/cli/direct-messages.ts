import { createHash } from 'node:crypto';
import { CliError, exitCodes } from './cli-io.ts';
import type { SourceRow } from './read-rows.ts';

/** One `query_state_direct` message (reference.md B.1). */
export interface DirectMessage {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly rows: number;
  /** Line of its first row. */
  readonly firstLine: number;
}

export interface DirectOptions {
  readonly stateId: string;
  /** Rows in a message. */
  readonly batch: number;
  /** Bytes of a payload, at most. */
  readonly maxBytes: number;
  /** Ids `PREFIX/0`, `PREFIX/1`, ... instead of ones made of the content. */
  readonly idPrefix: string | undefined;
}

/**
 * Packs rows into messages. A message's id is made of its content, and of how often the same content came before in the
 * file. So a file that is published again, after a crash or by mistake, gives the same messages and is stored once. If
 * some lines were changed, added or removed, only those are new, as long as a message holds one row.
 */
export async function* directMessages(
  rows: AsyncIterable<SourceRow>,
  options: DirectOptions,
): AsyncGenerator<DirectMessage> {
  const head = `{"type":"query_state_direct","state_id":${JSON.stringify(options.stateId)},"query_state":[`;
  const tail = ']}';
  const frameBytes = Buffer.byteLength(head) + tail.length;
  const repeats = new Map<string, number>();
  let index = 0;
  let pending: string[] = [];
  let bytes = frameBytes;
  let firstLine = 0;
  const pack = (): DirectMessage => {
    const payload = Buffer.from(`${head}${pending.join(',')}${tail}`);
    const digest = createHash('sha256').update(payload).digest('base64url').slice(0, digestCharacters);
    const repeat = repeats.get(digest) ?? 0;
    repeats.set(digest, repeat + 1);
    const contentId = repeat === 0 ? `publish/${digest}` : `publish/${digest}/${repeat}`;
    const id = options.idPrefix === undefined ? contentId : `${options.idPrefix}/${index}`;
    const message = { id, payload, rows: pending.length, firstLine };
    index += 1;
    pending = [];
    bytes = frameBytes;
    return message;
  };
  for await (const { json, line } of rows) {
    const rowBytes = Buffer.byteLength(json) + 1;
    if (frameBytes + rowBytes > options.maxBytes) {
      throw new CliError(
        exitCodes.failed,
        'payload_too_large',
        `the row of line ${line} has ${rowBytes} bytes: a message takes ${options.maxBytes}`,
      );
    }
    if (pending.length === options.batch || bytes + rowBytes > options.maxBytes) yield pack();
    if (pending.length === 0) firstLine = line;
    pending.push(json);
    bytes += rowBytes;
  }
  if (pending.length > 0) yield pack();
}

/** 132 bits: no two rows of one file share an id by chance, and a million of them fit in memory. */
const digestCharacters = 22;
