/** Requests under way at a time: one after the other, thousands of messages would take seconds. Not more, as the next ones may be the largest allowed. */
const most = 64;
/** What may be under way in bytes, as far as the sizes of those read so far tell. */
const mostBytes = 4 * 1_024 * 1_024;

/**
 * Reads on while what was read is looked at: as long as there are no large gaps, the next sequences are asked for before the one
 * in hand is here. Large messages are read a few at a time.
 * @param read the first one at or after a sequence; undefined if there is none
 * @param last nothing is read ahead beyond it
 */
export const readAhead = <M extends { readonly sequence: number; readonly payload: Uint8Array }>(
  read: (from: number) => Promise<M | undefined>,
  last: number,
): ((from: number) => Promise<M | undefined>) => {
  const underWay = new Map<number, Promise<M | undefined>>();
  let ahead = 1;
  let largestBytes = 1;
  const ask = (from: number): Promise<M | undefined> => {
    const known = underWay.get(from);
    if (known !== undefined) return known;
    const asked = read(from);
    // Whoever waits for it hears of the error; nobody may wait for one that was read in vain.
    asked.catch(() => undefined);
    underWay.set(from, asked);
    return asked;
  };
  return async (from) => {
    const message = ask(from);
    for (let next = from + 1; next < from + ahead && next <= last; next += 1) void ask(next);
    const found = await message;
    largestBytes = Math.max(largestBytes, found?.payload.byteLength ?? 0);
    const allowed = Math.max(1, Math.min(most, Math.floor(mostBytes / largestBytes)));
    const isNear = found !== undefined && found.sequence < from + ahead;
    ahead = isNear ? Math.min(ahead * 2, allowed) : Math.max(1, ahead >> 1);
    for (const each of underWay.keys()) if (each <= (found?.sequence ?? last)) underWay.delete(each);
    return found;
  };
};
