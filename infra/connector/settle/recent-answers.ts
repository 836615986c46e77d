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
  return {
    add: (storedKey, answer) => {
      answers.delete(storedKey);
      answers.set(storedKey, answer);
      if (answers.size <= limit) return;
      const { value: oldest } = answers.keys().next();
      if (oldest !== undefined) answers.delete(oldest);
    },
    find: (storedKey) => answers.get(storedKey),
  };
};
