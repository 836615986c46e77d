const keptTokens = 3;

/** Subjects end in priorities and partition keys: span names keep what is before them (performance.md 6, item 10). */
export const destinationTemplate = (subject: string): string => {
  let at = -1;
  for (let token = 0; token < keptTokens; token += 1) {
    at = subject.indexOf('.', at + 1);
    if (at < 0) return subject;
  }
  return subject.slice(0, at);
};
