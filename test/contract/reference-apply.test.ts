import type { TerminalError } from '../../shared/errors/sync-error.ts';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../shared/json/parse-json.ts';
import { pythonJson } from '../../shared/json/write-json.ts';
import { createEvaluator } from '../../shared/python/evaluate.ts';
import { column, keyDefinition, parseObject, stateModel } from '../support/model-fixtures.ts';
import { hasReferenceCore, skipReason, startReference, type ReferenceProcess } from '../support/reference-process.ts';
import { planAppend } from '../support/at-once.ts';
import { entryText, generatedState, type GeneratedState } from '../support/state-arbitraries.ts';

const missing = !hasReferenceCore();
if (missing) console.warn(`skipped: ${skipReason}`);

interface Answer {
  readonly answers: readonly { readonly rows?: readonly string[]; readonly error?: string }[];
  readonly columns: readonly (readonly [name: string, dataType: string, displayOrder: number | null])[];
}

/** What this store makes of one entry after another, each a message of its own, in the form of the reference's answer. */
const ours = (state: GeneratedState, entries: readonly string[]): Answer => {
  const model = stateModel({
    properties: state.properties === null ? null : parseObject(JSON.stringify(state.properties)),
    columns: state.columns.map(({ data_type: dataType, display_order: displayOrder, ...rest }) =>
      column({ ...rest, dataType, displayOrder }),
    ),
    primaryKey: state.primary_key.map(keyDefinition),
    remap: state.remap.map(keyDefinition),
    templateColumns: state.template_columns.map(keyDefinition),
  });
  const plan = planAppend(
    model,
    entries.map((text, index) => ({
      id: String(index),
      queryState: [parseJson(text)],
      scope: new Map(),
      timestampMs: 0,
    })),
    { flatten: 'reference', evaluators: createEvaluator },
  );
  return {
    answers: entries.map((_, index) => {
      const planned = plan.deliveries.find(({ id }) => id === String(index));
      if (planned) return { rows: planned.rows.map((row) => pythonJson(row, { ascii: true })) };
      const { error } = plan.rejections.find(({ id }) => id === String(index))!;
      return { error: (error as TerminalError).code };
    }),
    columns: plan.columns.map(({ name, dataType, displayOrder }) => [name, dataType, displayOrder]),
  };
};

/** Which code stands for an error of the reference. */
const codes: readonly (readonly [start: string, code: string])[] = [
  ['ValueError: unable to apply columns', 'empty_row'],
  ['ValueError: remapping of field', 'missing_remap_alias'],
  ['ValueError: template column', 'missing_template_column'],
  ['TypeError: expected string', 'invalid_template'],
  ['ValueError: primary key is not defined', 'primary_key_not_defined'],
  ['ValueError: Invalid state input', 'missing_primary_key'],
];
const codeOf = (error: string): string =>
  codes.find(([start]) => error.startsWith(start))?.[1] ?? (/^[a-z_]+$/.test(error) ? error : 'invalid_expression');

/** What only the database refuses, and a row without a column, are refused here while they are planned. */
const refusedLater = new Set(['unstorable_text', 'empty_row']);

/** The answers up to the first refusal: the reference leaves columns of a refused entry behind in its memory. */
const comparable = (answer: Answer, other: Answer): object => {
  const results = [];
  for (const [index, { rows, error }] of answer.answers.entries()) {
    const refused = error ?? other.answers[index]?.error;
    if (refused === undefined) results.push(rows);
    else {
      const later = rows !== undefined || other.answers[index]?.error === undefined;
      const code = error === undefined ? codeOf(refused) : codeOf(error);
      return { results, refused: later && !refusedLater.has(code) ? `${code}, by one alone` : code };
    }
  }
  return { results, columns: answer.columns };
};

describe.skipIf(missing)(
  `entries are applied as the reference applies them (${missing ? skipReason : 'compared'})`,
  () => {
    let reference: ReferenceProcess;
    beforeAll(() => {
      reference = startReference();
    });
    afterAll(() => reference?.close());

    it('rows, refusals and columns', { timeout: 300_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(
          generatedState,
          fc.array(entryText, { minLength: 1, maxLength: 3 }),
          async (state, entries) => {
            const expected = await reference.ask<Answer>({ operation: 'apply', ...state, entries });
            expect(expected.error).toBeUndefined();
            const actual = ours(state, entries);
            expect(comparable(actual, expected)).toEqual(comparable(expected, actual));
          },
        ),
        { numRuns: 10_000 },
      );
    });
  },
);
