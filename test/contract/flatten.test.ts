import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../shared/json/parse-json.ts';
import { flattenReference } from '../support/at-once.ts';
import { pythonJson } from '../../shared/json/write-json.ts';

interface FlattenVector {
  readonly name: string;
  readonly input_json: string;
  readonly expected_json: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('vectors/flatten.json', import.meta.url), 'utf8'),
) as readonly FlattenVector[];

describe('the reference rule flattens as recorded', () => {
  it.each(vectors)('$name', ({ input_json: input, expected_json: expected }) => {
    const { rows, fannedOut } = flattenReference(parseJson(input));
    expect(pythonJson(fannedOut ? rows : rows[0]!, { ascii: true })).toBe(expected);
  });
});
