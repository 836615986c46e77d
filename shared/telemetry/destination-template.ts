const keptTokens = 3;

/** Subjects end in priorities and partition keys. Ids in span names break Jaeger's list of operations, so names end before them. */
export const destinationTemplate = (subject: string): string => {
  let at = -1;
  for (let token = 0; token < keptTokens; token += 1) {
    at = subject.indexOf('.', at + 1);
    if (at < 0) return subject;
  }
  return subject.slice(0, at);
};
