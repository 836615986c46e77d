/** Codes of the JetStream API (`err_code` in its answers) that decide what happens next. */
export const apiErrorCodes = {
  streamNotFound: 10059,
  streamNameInUse: 10058,
  consumerNotFound: 10014,
  consumerNameInUse: 10013,
  consumerFilterNotUnique: 10100,
  consumerExists: 10148,
  messageNotFound: 10037,
  messageTooLarge: 10054,
  messageDeleteFailed: 10057,
  idInProcess: 10158,
  sequenceNotFound: 10043,
  maxBytesRequired: 10113,
  wrongLastSequence: 10071,
} as const;

/** A call to the JetStream API that failed, with what is missing in the message. */
export class JetStreamError extends Error {
  override readonly name = 'JetStreamError';
  /** The client's own code. */
  readonly code: string;
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    const code = (cause as { readonly code?: unknown } | null)?.code;
    this.code = typeof code === 'string' ? code : 'UNKNOWN';
  }
}

/** The API's code in an error of the client, or in what it was caused by, or undefined. */
export const apiErrorCode = (error: unknown): number | undefined => {
  const own = error instanceof JetStreamError ? error.cause : error;
  return (own as { api_error?: { err_code?: number } } | undefined)?.api_error?.err_code;
};

/** Why a call to the API failed, and what would help. */
export const explainApiError = (error: unknown, call: string): string => {
  const { code, message = '' } = (error ?? {}) as { readonly code?: unknown; readonly message?: string };
  if (code === 'PERMISSIONS_VIOLATION') return `the user may not publish to ${call}`;
  if (code === '503')
    return 'JetStream does not answer: it is off in this account, or in another domain (NATS_JS_DOMAIN)';
  if (code === 'TIMEOUT') return `there was no answer to ${call} in time: is the user allowed to get one (its inbox)?`;
  if (apiErrorCode(error) === apiErrorCodes.maxBytesRequired) {
    return 'the account asks for max_bytes: set it in the section streams of the routing file';
  }
  return message.split('\n', 1)[0]!.slice(0, 200);
};
