import { describe, expect, it } from 'vitest';
import { pythonJson } from '../../shared/json/write-json.ts';
import { keyText, keyValues, plainKey, stateKey } from '../../shared/state/state-key.ts';
import type { KeyDefinition } from '../../shared/state/state-model.ts';
import { keyDefinition, rowOf } from '../support/model-fixtures.ts';
import { readVectors } from '../support/vectors.ts';

interface KeyInput {
  readonly query_state_json: string;
  readonly primary_key: (Partial<KeyDefinition> & { readonly name: string })[];
}

interface KeyExpected {
  readonly hashed_text: string;
  readonly state_key: string;
  readonly state_key_plain_json: string;
}

describe('state keys are as recorded', () => {
  it.each(readVectors<KeyInput, KeyExpected>('state-key'))('$name', ({ input, expected }) => {
    const values = keyValues(rowOf(input.query_state_json), input.primary_key.map(keyDefinition));
    expect({
      hashed_text: keyText(values),
      state_key: stateKey(values),
      state_key_plain_json: pythonJson(plainKey(values), { ascii: true }),
    }).toEqual(expected);
  });
});
