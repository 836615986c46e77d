import type { RetryableCode, TerminalCode } from './error-code.ts';

/** A message that can never succeed as it is: it is dead-lettered with this code and the text as its reason. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly code: TerminalCode;
  constructor(code: TerminalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A message that may succeed later: it is tried again with back-off, up to the limit of its trigger. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  readonly code: RetryableCode;
  /** The least time to wait before the next try, if the cause names one. */
  readonly delayMs: number | undefined;
  constructor(code: RetryableCode, message: string, options?: ErrorOptions & { delayMs?: number }) {
    super(message, options);
    this.code = code;
    this.delayMs = options?.delayMs;
  }
}
