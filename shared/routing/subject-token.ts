/** Whether the text is a subject that can be published to: tokens without blanks or wildcards, none empty. */
export const isPublishSubject = (subject: string): boolean => subject.split('.').every(isSubjectToken);

/**
 * Whether the text is one token of a subject: not empty, no dot, no wildcard on its own account, nothing that ends a
 * protocol line or a field in it (NATS splits commands at blanks, so a blank would turn the rest into a reply subject).
 */
export const isSubjectToken = (token: string): boolean =>
  // oxlint-disable-next-line no-control-regex
  token.length > 0 && !/\p{Cs}/u.test(token) && !/[\s.*>\u0000-\u0020\u007f]/.test(token);

/** Whether the text can name a stream. */
export const isStreamName = (name: string): boolean => isSubjectToken(name) && !/[/\\]/.test(name);
