import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonFloat, type JsonValue } from '../../../shared/json/json-value.ts';
import { partitionToken } from '../../../shared/routing/partition-token.ts';
import { subjectFor } from '../../../shared/routing/subject.ts';
import { isPublishSubject } from '../../../shared/routing/subject-token.ts';
import { routeConfig, withPriority } from '../../support/route-config.ts';

const plain = routeConfig('s', 'base');
const priority = routeConfig('s', 'base', withPriority);

describe('the subject of a message', () => {
  it('is the base subject of a plain route, whatever is asked for', () => {
    expect(subjectFor(plain, 'medium', 'p1')).toBe('base');
    expect(subjectFor({ ...plain, concurrentEnabled: true }, 'high', 'p1')).toBe('base');
    expect(subjectFor({ ...plain, concurrentPriorityEnabled: true }, 'high', 'p1')).toBe('base');
  });

  it.each<[JsonValue | undefined]>([[undefined], [null], [''], ['low'], [false], [0], [new JsonFloat(0)], [[]], [{}]])(
    'has the priority low for %j',
    (value) => {
      expect(subjectFor(priority, value, 'p1')).toBe('base.low.p1');
    },
  );

  it('has the priority high if it is asked for', () => {
    expect(subjectFor(priority, 'high', 'p1')).toBe('base.high.p1');
  });

  it.each<[JsonValue]>([['medium'], ['HIGH'], [1], [true], [['high']], [new JsonFloat(1)]])(
    'is refused for the priority %j',
    (value) => {
      expect(() => subjectFor(priority, value, 'p1')).toThrow(expect.objectContaining({ code: 'invalid_priority' }));
    },
  );

  it('ends with the priority if there is no partition', () => {
    expect(subjectFor(priority, null, null)).toBe('base.low');
    expect(subjectFor(priority, null, '')).toBe('base.low');
  });
});

describe('a partition (reference.md G-23: one with spaces made its messages fail)', () => {
  it.each([
    ['p1', 'p1'],
    ['p1.k1', 'p1.k1'],
    ['11111111-1111:3333', '11111111-1111:3333'],
    ['user@example.com', 'user@example.com'],
    ['a*b>', 'a*b>'],
    ['größe', 'größe'],
    ['a%20b', 'a%20b'],
    ['New York', 'New%20York'],
    ['a\r\nPUB x', 'a%0D%0APUB%20x'],
    ['a..b.', 'a.%.b.%'],
    ['*', '%2A'],
    ['p1.>', 'p1.%3E'],
    ['a\ud800', 'a%EF%BF%BD'],
  ])('%j becomes %j', (partition, token) => {
    expect(partitionToken(partition)).toBe(token);
  });

  it('that is too long for the protocol becomes its digest', () => {
    expect(partitionToken('x'.repeat(512))).toBe('x'.repeat(512));
    expect(partitionToken('x'.repeat(513))).toMatch(/^sha256-[0-9a-f]{64}$/);
    expect(partitionToken('x'.repeat(513))).not.toBe(partitionToken('x'.repeat(514)));
    expect(partitionToken('ö'.repeat(300))).toMatch(/^sha256-/);
  });

  it('can always be published, and stays as it is if it could be', () => {
    assert(
      property(string({ unit: 'binary', minLength: 1, maxLength: 40 }), (partition) => {
        const token = partitionToken(partition);
        expect(isPublishSubject(token)).toBe(true);
        expect(partitionToken(partition)).toBe(token);
        if (isPublishSubject(partition)) expect(token).toBe(partition);
      }),
      { numRuns: 10_000 },
    );
  });
});
