/** A text as Python's `json.dumps` writes it: ASCII only, everything else as \uXXXX. */
const pythonText = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** The `processor_state` message that tells the monitor of a failed message (reference.md B.4, H), byte for byte. */
export const failedStatus = (routeId: string | null, reason: string): Uint8Array => {
  const route = routeId === null ? 'null' : pythonText(routeId);
  const text = `{"type": "processor_state", "route_id": ${route}, "status": "FAILED", "exception": ${pythonText(reason)}, "data": null}`;
  return new TextEncoder().encode(text);
};
