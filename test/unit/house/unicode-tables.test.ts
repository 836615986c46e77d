import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { unicodeTables, unicodeTablesFile } from '../../../.config/generate-unicode.ts';

it('the Unicode tables are what their script makes of the package (npm run unicode)', async () => {
  expect(readFileSync(unicodeTablesFile, 'utf8')).toBe(await unicodeTables());
});
