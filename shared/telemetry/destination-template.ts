/** Subjects end in priorities and partition keys: span names keep what is before them (performance.md 6, item 10). */
export const destinationTemplate = (subject: string): string => subject.split('.').slice(0, 3).join('.');
