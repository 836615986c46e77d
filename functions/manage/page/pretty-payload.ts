/**
 * JSON with line breaks and indents, byte for byte the same inside of texts and numbers: it is not parsed, for a reader
 * must see the number that was sent, not the one that JavaScript makes of it. What is no JSON stays as it is.
 */
export const prettyPayload = (text: string): string => {
  if (!isJson(text)) return text;
  let depth = 0;
  const line = (): string => `\n${'  '.repeat(depth)}`;
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|\s+/g, (token) => {
    if (/^\s/.test(token)) return '';
    if (token.startsWith('"')) return token;
    if (token === ':') return ': ';
    if (token === ',') return `,${line()}`;
    if (token.length > 1) return token.replaceAll(/\s/g, '');
    if (token === '{' || token === '[') {
      depth += 1;
      return `${token}${line()}`;
    }
    depth = Math.max(0, depth - 1);
    return `${line()}${token}`;
  });
};

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // Cut or broken: that may be why it is here.
    return false;
  }
};
