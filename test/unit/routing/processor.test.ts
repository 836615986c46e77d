import { describe, expect, it } from 'vitest';
import { RetryableError, TerminalError } from '../../../shared/errors/sync-error.ts';
import { JsonFloat, type JsonObject, type JsonValue } from '../../../shared/json/json-value.ts';
import { partitionKey, type PartitionInput } from '../../../shared/routing/partition-key.ts';
import { readProcessorProperties, requirePageSizes } from '../../../shared/routing/processor-properties.ts';
import type { ExpressionScope } from '../../../shared/state/evaluator.ts';

describe('the properties of a processor', () => {
  const defaults = {
    requestDelayMs: 0,
    maxBatchSize: 100,
    maxBatchLimit: 1,
    concurrencyMode: 'project-id',
    concurrencyExpression: null,
  };

  it.each<[JsonObject | null]>([
    [null],
    [{}],
    [{ maxBatchSize: null, concurrencyMode: null, concurrencyExpression: '' }],
    [{ unknown: 1 }],
  ])('have their defaults for %j', (properties) => {
    expect(readProcessorProperties(properties)).toEqual(defaults);
  });

  it('may be written as text, as a float or as truth', () => {
    const properties = { requestDelay: '250', maxBatchSize: ' 20 ', maxBatchLimit: new JsonFloat(5) };
    expect(readProcessorProperties({ maxBatchSize: true })).toEqual({ ...defaults, maxBatchSize: 1 });
    expect(readProcessorProperties(properties)).toEqual({
      ...defaults,
      requestDelayMs: 250,
      maxBatchSize: 20,
      maxBatchLimit: 5,
    });
  });

  it.each<[JsonObject]>([
    [{ concurrencyMode: 'bogus' }],
    [{ concurrencyMode: '' }],
    [{ concurrencyMode: 1 }],
    [{ concurrencyExpression: 1 }],
    [{ maxBatchSize: 'ten' }],
    [{ maxBatchSize: '' }],
    [{ maxBatchSize: '5.' }],
    [{ maxBatchSize: 1.5 }],
    [{ maxBatchLimit: [] }],
    [{ requestDelay: 10n ** 20n }],
  ])('are refused for %o', (properties) => {
    expect(() => readProcessorProperties(properties)).toThrow(
      expect.objectContaining({ name: 'TerminalError', code: 'invalid_properties' }),
    );
  });

  it.each([{ maxBatchSize: 0 }, { maxBatchSize: '-1' }, { maxBatchLimit: 0 }])(
    'are refused by a replay for %o, and by a replay alone',
    (values) => {
      const properties = readProcessorProperties(values);
      expect(() => requirePageSizes(properties)).toThrow(expect.objectContaining({ code: 'invalid_page_size' }));
    },
  );
});

describe('the partition of a message', () => {
  const input = (changes: Partial<PartitionInput>): PartitionInput => ({
    properties: { concurrencyMode: 'project-id', concurrencyExpression: null },
    projectId: 'p1',
    routeId: 'r1',
    context: {},
    data: null,
    evaluate: () => {
      throw new Error('not asked for');
    },
    ...changes,
  });
  const mode = (
    concurrencyMode: PartitionInput['properties']['concurrencyMode'],
    concurrencyExpression: string | null = null,
  ) => ({
    properties: { concurrencyMode, concurrencyExpression },
  });

  it('is the project by default, the route if asked for', () => {
    expect(partitionKey(input({}))).toBe('p1');
    expect(partitionKey(input(mode('route-id')))).toBe('r1');
  });

  it.each<[JsonValue, string]>([
    [{ user_id: 'U' }, 'U'],
    [{ user_id: 7 }, '7'],
    [{ user_id: new JsonFloat(7) }, '7.0'],
    [{ user_id: true }, 'True'],
    [{ user_id: '' }, ''],
    [{ user_id: null }, 'None'],
    [{}, 'p1'],
    ['text', 'p1'],
  ])('is of the user of the context %o: %s', (context, expected) => {
    expect(partitionKey(input({ ...mode('user-id'), context }))).toBe(expected);
  });

  it('is the project and the result of the expression, which sees the row, the context and the route', () => {
    let seen: ExpressionScope | undefined;
    const evaluate = (_: string, scope: ExpressionScope): JsonValue => {
      seen = scope;
      return 12;
    };
    expect(partitionKey(input({ ...mode('expression', 'x'), evaluate, data: { a: 1 }, context: { c: 2 } }))).toBe(
      'p1.12',
    );
    expect([...(seen ?? [])]).toEqual([
      ['data', { a: 1 }],
      ['context', { c: 2 }],
      ['route_id', 'r1'],
    ]);
  });

  it.each<[JsonValue]>([[null], [0], [''], [false], [[]], [{}]])('is the project for the falsy result %j', (result) => {
    expect(partitionKey(input({ ...mode('expression', 'x'), evaluate: () => result }))).toBe('p1');
  });

  it('is the project if the expression is missing or does not fit the row', () => {
    const evaluate = (): JsonValue => {
      throw new TerminalError('invalid_expression', 'no');
    };
    expect(partitionKey(input(mode('expression')))).toBe('p1');
    expect(partitionKey(input({ ...mode('expression', 'x'), evaluate }))).toBe('p1');
  });

  it('does not hide a failure that is not of the expression', () => {
    const evaluate = (): JsonValue => {
      throw new RetryableError('internal_error', 'broken');
    };
    expect(() => partitionKey(input({ ...mode('expression', 'x'), evaluate }))).toThrow('broken');
  });
});
