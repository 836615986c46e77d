/** Milliseconds since the epoch as Python's `datetime.isoformat()` in UTC: microseconds only where there are any. */
export const isoTime = (timeMs: number): string => {
  const micros = Math.floor(timeMs * 1000 + 1e-6);
  const rest = ((micros % 1_000_000) + 1_000_000) % 1_000_000;
  const seconds = new Date((micros - rest) / 1000).toISOString().slice(0, 19);
  return rest === 0 ? seconds : `${seconds}.${String(rest).padStart(6, '0')}`;
};
