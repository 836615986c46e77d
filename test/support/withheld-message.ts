const special = /[.*+?^${}()|[\]\\]/g;

/** Whether a message of ours is CPython's, but for the values that ours leaves out (`<value>`, `<key>`). */
export const isMessageOf = (ours: string, python: string): boolean => {
  const pattern = ours
    .split(/<value>|<key>/)
    .map((part) => part.replaceAll(special, String.raw`\$&`))
    .join('.*');
  return new RegExp(`^${pattern}$`, 's').test(python);
};
