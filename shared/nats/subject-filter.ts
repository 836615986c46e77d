/** Whether a subject filter takes in a subject, or all of another filter. */
export const coversSubject = (filter: string, subject: string): boolean => {
  const filterTokens = filter.split('.');
  const subjectTokens = subject.split('.');
  for (const [index, token] of filterTokens.entries()) {
    if (token === '>') return subjectTokens.length > index;
    const candidate = subjectTokens[index];
    if (candidate === undefined || candidate === '>') return false;
    if (token !== '*' && token !== candidate) return false;
  }
  return filterTokens.length === subjectTokens.length;
};
