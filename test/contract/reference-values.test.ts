import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../shared/json/json-value.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import { pythonJson } from '../../shared/json/write-json.ts';
import { cleanKey } from '../../shared/state/clean-key.ts';
import { pythonRepr } from '../../shared/json/python-repr.ts';
import { stateKey } from '../../shared/state/state-key.ts';
import { fillTemplate } from '../../shared/state/template.ts';
import { anyText, jsonValue } from '../support/json-arbitraries.ts';
import { flattenReference } from '../support/at-once.ts';
import { hasReferenceCore, skipReason, startReference, type ReferenceProcess } from '../support/reference-process.ts';

const missing = !hasReferenceCore();
if (missing) console.warn(`skipped: ${skipReason}`);

interface Answer {
  readonly name: string;
  readonly key: string;
  readonly repr: string;
  readonly ascii: string;
  readonly unicode: string;
  readonly template: string;
  readonly flat: readonly string[];
}

/** Templates with and without names, also of the generated key. */
const templateText = fc
  .array(fc.oneof(anyText, fc.constantFrom('{k}', '{a}', '{{k}}', '{ k }', '{k.a}', '\\n', '{', '}')), { maxLength: 6 })
  .map((parts) => parts.join(''));

const names = fc.oneof(
  anyText,
  fc.constantFrom('k', 'a', 'A b', 'x.y', 'İ', 'ΟΔΟΣ', 'ß', '½', '٣', 'a\u0301', '\u200b'),
);

describe.skipIf(missing)(`values are what the reference makes of them (${missing ? skipReason : 'compared'})`, () => {
  let reference: ReferenceProcess;
  beforeAll(() => {
    reference = startReference();
  });
  afterAll(() => reference?.close());

  it('names, keys, reprs, JSON texts, templates and flattened rows', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(jsonValue, names, templateText, async (generated, text, template) => {
        const source = pythonJson(generated, { ascii: true });
        const value: JsonValue = parseJson(source);
        const expected = await reference.ask<Answer>({ operation: 'values', value: source, text, template });
        const row = new Map<string, JsonValue>([
          ['k', value],
          [text, 'x'],
        ]);
        expect({
          name: cleanKey(text),
          key: stateKey(new Map([[text, value]])),
          repr: pythonRepr(value),
          ascii: pythonJson(value, { ascii: true }),
          unicode: pythonJson(value, { ascii: false }),
          template: fillTemplate(template, row),
          flat: flattenReference(
            new Map<string, JsonValue>([
              ['k', value],
              [text, 1],
            ]),
          ).rows.map((each) => pythonJson(each, { ascii: true })),
        }).toEqual(expected);
      }),
      { numRuns: 10_000 },
    );
  });
});
