/** Codes of the management interface, beside those of messages. They are stable; functions/manage/README.md has the table. */
export const commandErrorCodes = [
  'invalid_json',
  'invalid_arguments',
  'unknown_command',
  'not_found',
  'ambiguous_state',
  'already_exists',
  'unknown_stream',
  'trace_store_unavailable',
  'unauthorized',
  'cross_site',
  'payload_too_large',
  'method_not_allowed',
  'too_many_clients',
  'nats_unavailable',
] as const;

export type CommandErrorCode = (typeof commandErrorCodes)[number];

/** A command that cannot be done as it was asked for. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly status: number;
  readonly code: CommandErrorCode;
  constructor(status: number, code: CommandErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = code;
  }
}
