/** One thing that was looked at. */
export interface Finding {
  /** The area: `database`, `streams`, ... */
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  /** Stable, for programs. */
  readonly code: string;
  readonly message: string;
  /** The command, or the setting, that mends it. */
  readonly fix?: string;
}

export const ok = (check: string, code: string, message: string): Finding => ({ check, level: 'ok', code, message });

export const warn = (check: string, code: string, message: string, fix: string): Finding => ({
  check,
  level: 'warn',
  code,
  message,
  fix,
});

export const fail = (check: string, code: string, message: string, fix: string): Finding => ({
  check,
  level: 'fail',
  code,
  message,
  fix,
});
