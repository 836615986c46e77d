import { createHash } from 'node:crypto';
import type { HttpReply } from '../../../shared/http/http-server.ts';
import { pageBody } from './body.ts';
import { pageScript } from './script.ts';
import { pageStyle } from './style.ts';

const sourceHash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

let reply: HttpReply | undefined;

/**
 * The operator's page: one document without data, which works without any other host. Its policy lets exactly this script
 * and this style run, and lets it talk to nobody but us.
 */
export const pageReply = (): HttpReply =>
  (reply ??= {
    status: 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': [
        "default-src 'none'",
        `script-src ${sourceHash(pageScript)}`,
        `style-src ${sourceHash(pageStyle)}`,
        "connect-src 'self'",
        'img-src data:',
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ].join('; '),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    },
    body: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>State Sync Store</title>
<link rel="icon" href="data:,">
<style>${pageStyle}</style>
</head>
<body>
${pageBody}
<script>${pageScript}</script>
</body>
</html>
`,
  });
