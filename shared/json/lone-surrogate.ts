/** In a Unicode-aware pattern a surrogate of a pair is no character of its own, so only lone ones match. */
const loneSurrogate = /[\ud800-\udfff]/u;

/** Whether the text holds half of a surrogate pair: it cannot be written as UTF-8, so no database takes it. */
export const hasLoneSurrogate = (text: string): boolean => loneSurrogate.test(text);
