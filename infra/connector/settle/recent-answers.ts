/** What a message was answered with, and where the answer went. */
export interface Answer {
  readonly how: 'ack' | 'term';
  readonly reply: string;
}

/** The latest answers: one that was on its way when the connection broke, or that a killed server forgot, is given again. */
export interface RecentAnswers {
  add(storedKey: string, answer: Answer): void;
  /** The message's answer, if it is remembered. */
  find(storedKey: string): Answer | undefined;
}

/** Remembers so many of the latest ones, by the messages' place and time in their stream. */
export const createRecentAnswers = (limit: number): RecentAnswers => {
  const answers = new Map<string, Answer>();
  // In the order in which they were given. A map's own first key is found by walking over all that were removed before it.
  const ring: { readonly storedKey: string; readonly answer: Answer }[] = [];
  let next = 0;
  return {
    add: (storedKey, answer) => {
      const oldest = ring[next];
      // One that was given again since then has a later place.
      if (oldest !== undefined && answers.get(oldest.storedKey) === oldest.answer) answers.delete(oldest.storedKey);
      ring[next] = { storedKey, answer };
      next = (next + 1) % limit;
      answers.set(storedKey, answer);
    },
    find: (storedKey) => answers.get(storedKey),
  };
};
