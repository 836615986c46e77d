/**
 * One text for all that are the same: names that come with every message, and are kept with many of them at once.
 * @param maxTexts it begins anew beyond them
 */
export const createTextPool = (maxTexts: number): ((text: string) => string) => {
  const texts = new Map<string, string>();
  return (text) => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    if (texts.size >= maxTexts) texts.clear();
    texts.set(text, text);
    return text;
  };
};
