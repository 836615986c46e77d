/**
 * Every code that an outcome, a dead letter or an HTTP reply can carry. Codes are stable: operators filter and replay by
 * them, so a code is never renamed and never used for a second meaning. functions/README.md has the table of them.
 */
export const terminalCodes = [
  'invalid_json',
  'invalid_envelope',
  'missing_type',
  'unknown_type',
  'missing_route_id',
  'missing_state_id',
  'missing_processor_id',
  'missing_query_state',
  'invalid_query_state',
  'nesting_too_deep',
  'too_many_rows',
  'expansion_too_large',
  'payload_too_large',
  'invalid_properties',
  'invalid_expression',
  'expression_limit',
  'missing_template_column',
  'invalid_template',
  'missing_remap_alias',
  'missing_primary_key',
  'primary_key_not_defined',
  'empty_row',
  'identity_reused',
  'unstorable_text',
  'column_name_too_long',
  'too_many_columns',
  'state_full',
  'value_too_long',
  'ambiguous_route',
  'invalid_priority',
  'invalid_subject',
  'invalid_page_size',
  'forward_too_large',
  'database_rejected',
  'wrong_function',
  'function_refused',
  'function_killed',
] as const;

export const retryableCodes = [
  'unknown_route',
  'unknown_state',
  'unknown_processor',
  'unknown_selector',
  'database_unavailable',
  'database_timeout',
  'database_conflict',
  'database_misconfigured',
  'publish_failed',
  'nats_unavailable',
  'overloaded',
  'shutting_down',
  'no_outcome',
  'held_back',
  'function_unavailable',
  'function_timeout',
  'expression_timeout',
  'internal_error',
] as const;

export type TerminalCode = (typeof terminalCodes)[number];
export type RetryableCode = (typeof retryableCodes)[number];
export type ErrorCode = TerminalCode | RetryableCode;
