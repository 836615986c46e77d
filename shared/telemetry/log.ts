/** One JSON line on stderr per abnormal outcome; never a payload, never a connection string. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

const levels = ['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const;
export type LogLevel = (typeof levels)[number];

export interface LogOptions {
  readonly service: string;
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly nowMs: () => number;
}

/** A log that writes lines `{"time","level","service","event",...fields}` at or above its level. */
export const createLog = (options: LogOptions): Log => {
  const least = levels.indexOf(options.level);
  const at = (level: LogLevel) => (event: string, fields?: LogFields) => {
    if (levels.indexOf(level) < least) return;
    const time = new Date(options.nowMs()).toISOString();
    options.write(`${JSON.stringify({ time, level, service: options.service, event, ...fields })}\n`);
  };
  return { debug: at('DEBUG'), info: at('INFO'), warn: at('WARNING'), error: at('ERROR') };
};

/** What may be said of an error in a log: its name, code and first line. */
export const errorFields = (error: unknown): LogFields =>
  error instanceof Error
    ? {
        error: error.name,
        code: (error as { code?: string }).code,
        reason: error.message.split('\n', 1)[0]!.slice(0, 300),
      }
    : { error: 'unknown', reason: String(error).slice(0, 300) };
