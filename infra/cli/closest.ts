/**
 * What somebody may have meant: the candidate that takes the fewest changed letters (one in three at most), or that begins with
 * the text; undefined if none is near.
 */
export const closest = (text: string, candidates: readonly string[]): string | undefined => {
  const begun = candidates.find((candidate) => text.length >= 2 && candidate.startsWith(text));
  if (begun !== undefined) return begun;
  const most = Math.max(1, Math.floor(text.length / 3));
  const near = candidates
    .map((candidate) => ({ candidate, distance: distanceOf(text, candidate) }))
    .filter(({ distance }) => distance <= most)
    .toSorted((one, other) => one.distance - other.distance);
  return near[0]?.candidate;
};

/** Letters added, removed, changed, or swapped with the next one (optimal string alignment). */
const distanceOf = (one: string, other: string): number => {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= one.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      let least = Math.min(
        rows[row - 1]![column]! + 1,
        line[column - 1]! + 1,
        rows[row - 1]![column - 1]! + (isSame ? 0 : 1),
      );
      const isSwapped =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (isSwapped) least = Math.min(least, rows[row - 2]![column - 2]! + 1);
      line.push(least);
    }
    rows.push(line);
  }
  return rows[one.length]![other.length]!;
};
