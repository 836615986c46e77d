import { describe, expect, it } from 'vitest';
import { parseJson } from '../../shared/json/parse-json.ts';
import { fillTemplate, fillTemplates } from '../../shared/state/template.ts';
import { keyDefinition, rowOf } from '../support/model-fixtures.ts';
import { thrownCode } from '../support/thrown-code.ts';
import { readVectors } from '../support/vectors.ts';

interface TemplateInput {
  readonly template: string | number | null;
  readonly query_state_json: string;
  readonly strip_newlines?: boolean;
}

describe('templates are filled as recorded', () => {
  it.each(readVectors<TemplateInput, string>('template'))('$name', ({ input, expected, error }) => {
    const row = rowOf(input.query_state_json);
    if (error !== undefined) {
      const withTemplate = new Map(row).set('t', parseJson(JSON.stringify(input.template)));
      expect(thrownCode(() => fillTemplates(withTemplate, [keyDefinition({ name: 't' })]))).toBe('invalid_template');
      return;
    }
    const filled = fillTemplate(String(input.template), row, { keepNewLines: input.strip_newlines === false });
    expect(filled).toBe(expected);
  });
});
