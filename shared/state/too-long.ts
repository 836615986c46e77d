/** Whether a text has more characters (code points, as `varchar` counts them) than allowed. */
export const isTooLong = (text: string, maxCharacters: number): boolean => {
  if (text.length <= maxCharacters) return false;
  let characters = 0;
  for (let index = 0; index < text.length; characters++) index += text.codePointAt(index)! > 0xffff ? 2 : 1;
  return characters > maxCharacters;
};
