/** How the parts of `npm start` report: one JSON line on stderr each, never a payload, a token or a connection string. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogLine = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** A logger that writes JSON lines of `minimumLevel` and above; an unknown level name counts as `info`. */
export const createLogLine = (
  service: string,
  minimumLevel: string,
  write: (line: string) => void,
  nowMs: () => number,
): LogLine => {
  const named = order.indexOf(minimumLevel.toLowerCase() as LogLevel);
  const minimum = named === -1 ? order.indexOf('info') : named;
  return (level, message, fields) => {
    if (order.indexOf(level) < minimum) return;
    write(`${JSON.stringify({ time: new Date(nowMs()).toISOString(), level, service, message, ...fields })}\n`);
  };
};
