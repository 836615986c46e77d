/**
 * A header that every answer of ours carries, whatever its status. What stands between a caller and a function (a gateway, an
 * activator, a proxy) answers by itself too, with the same statuses: an answer without the mark comes from there and says
 * nothing of the request. The value is the version of the protocol.
 */
export const answerMark = { name: 'x-state-sync', value: '1' } as const;

/** Carried by the first answer of a function's process: by it the connector counts cold starts, whatever platform made them. */
export const firstAnswerMark = { name: 'x-state-sync-first', value: '1' } as const;
