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
  sequenceNotFound: 10043,
} as const;

/** The API's code in an error of the client, or undefined. */
export const apiErrorCode = (error: unknown): number | undefined =>
  (error as { api_error?: { err_code?: number } } | undefined)?.api_error?.err_code;
