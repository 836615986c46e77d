import { decodeRequest, type DecodeContext } from '../../shared/message/decode-request.ts';
import type { Delivery } from '../../shared/message/delivery.ts';
import type { Outcome } from '../../shared/message/outcome.ts';

/** Reads every message of a request. */
export const decodeAll = (
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  context: Omit<DecodeContext, 'maxExpandedBytes'> & Partial<DecodeContext>,
): { mode: string; deliveries: readonly Delivery[]; rejections: readonly Outcome[] } => {
  const { mode, messages } = decodeRequest(headers, body, { maxExpandedBytes: 64 * 1024 * 1024, ...context });
  const all = [...messages];
  return {
    mode,
    deliveries: all.flatMap((message) => ('delivery' in message ? [message.delivery] : [])),
    rejections: all.flatMap((message) => ('rejection' in message ? [message.rejection] : [])),
  };
};
