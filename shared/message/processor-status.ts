import { pythonJson } from '../json/write-json.ts';

/**
 * The `processor_state` message that tells the monitor what became of a message of a route (reference.md B.4, H), byte for
 * byte as the existing system writes it.
 * @param routeId null if the message names none
 * @param exception why it failed; null if it did not
 */
export const processorStatus = (
  routeId: string | null,
  status: 'ROUTED' | 'FAILED',
  exception: string | null,
): Uint8Array => {
  const text = pythonJson(
    { type: 'processor_state', route_id: routeId, status, exception, data: null },
    { ascii: true },
  );
  return utf8.encode(text);
};

const utf8 = new TextEncoder();
