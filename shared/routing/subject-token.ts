/** Whether the text is a subject that can be published to: tokens without blanks or wildcards, none empty. */
export const isPublishSubject = (subject: string): boolean => subject.split('.').every(isSubjectToken);

/**
 * Whether the text is one token of a subject to publish to: not empty, without a dot, and not a wildcard (`*` and `>`
 * are wildcards only if they stand alone). Blanks and control characters are refused too. NATS splits its commands at
 * blanks, so the rest of the subject would become a reply subject.
 */
export const isSubjectToken = (token: string): boolean =>
  // oxlint-disable-next-line no-control-regex
  token !== '' && token !== '*' && token !== '>' && !/[.\u0000-\u0020\u007f\p{Cs}]/u.test(token);

/** Whether the text can name a stream. */
export const isStreamName = (name: string): boolean => isSubjectToken(name) && !/[\s*>/\\]/.test(name);
