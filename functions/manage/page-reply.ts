import { createHash } from 'node:crypto';
import type { HttpReply } from '../../shared/http/http-server.ts';

/**
 * The reply to `GET /`: the operator's page, which holds no data. Its policy lets exactly its own script and style run,
 * makes no markup from texts, and lets it talk to nobody but us.
 * @param document one HTML document with one inline script and one inline style, as the build makes it
 */
export const pageReply = (document: string): HttpReply => ({
  status: 200,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'content-security-policy': [
      "default-src 'none'",
      `script-src ${hashOf(document, 'script')}`,
      `style-src ${hashOf(document, 'style')}`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  },
  body: document,
});

/** The source list that lets exactly one inline element run. */
const hashOf = (document: string, tag: 'script' | 'style'): string => {
  const [, text, ...others] = document.split(new RegExp(`<${tag}>|</${tag}>`));
  if (text === undefined || others.length !== 1) throw new Error(`the page must have one inline ${tag}`);
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
};
