/** Whether the text is a subject that can be published to: tokens without blanks or wildcards, none empty. */
export const isPublishSubject = (subject: string): boolean => subject.split('.').every(isSubjectToken);

/**
 * Whether the text is one token of a subject to publish to: not empty, no dot, not a wildcard (`*` and `>` are ones
 * only alone), and nothing that ends a line or a field of the protocol: NATS splits its commands at blanks, so a blank
 * would turn the rest of the subject into a reply subject.
 */
export const isSubjectToken = (token: string): boolean =>
  // oxlint-disable-next-line no-control-regex
  token !== '' && token !== '*' && token !== '>' && !/[.\u0000-\u0020\u007f\p{Cs}]/u.test(token);

/** Whether the text can name a stream. */
export const isStreamName = (name: string): boolean => isSubjectToken(name) && !/[\s*>/\\]/.test(name);
