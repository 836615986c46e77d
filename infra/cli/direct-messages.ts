import { createHash } from 'node:crypto';
import { CliError, exitCodes } from './cli-io.ts';
import type { SourceRow } from './read-rows.ts';

/** One `query_state_direct` message (reference.md B.1). */
export interface DirectMessage {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly rows: number;
  readonly lastLine: number;
}

export interface DirectOptions {
  readonly stateId: string;
  /** Rows in a message. */
  readonly batch: number;
  /** Bytes of a payload, at most. */
  readonly maxBytes: number;
  /** Default: made of the content. */
  readonly idPrefix: string | undefined;
}

/**
 * Packs rows into messages. A message's id is made of its place and its content: the same file published again, after a
 * crash or by mistake, is the same messages again, and stored once.
 */
export async function* directMessages(
  rows: AsyncIterable<SourceRow>,
  options: DirectOptions,
): AsyncGenerator<DirectMessage> {
  const head = `{"type":"query_state_direct","state_id":${JSON.stringify(options.stateId)},"query_state":[`;
  const tail = ']}';
  const frameBytes = Buffer.byteLength(head) + tail.length;
  let index = 0;
  let pending: string[] = [];
  let bytes = frameBytes;
  let lastLine = 0;
  const pack = (): DirectMessage => {
    const payload = Buffer.from(`${head}${pending.join(',')}${tail}`);
    const digest = createHash('sha256').update(`${index}\n`).update(payload).digest('hex').slice(0, 40);
    const id = options.idPrefix === undefined ? `publish/${digest}` : `${options.idPrefix}/${index}`;
    const message = { id, payload, rows: pending.length, lastLine };
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
    pending.push(json);
    bytes += rowBytes;
    lastLine = line;
  }
  if (pending.length > 0) yield pack();
}
