import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import type { JsonValue } from '../../../shared/json/json-value.ts';
import { type ExpressionScope, ScopeRecord } from '../../../shared/python/scope.ts';
import { createEvaluator } from '../../../shared/python/evaluate.ts';

const source = { nowMs: 0, seed: 'delivery' };
const provider = new ScopeRecord([
  ['id', 'p1'],
  ['name', null],
]);
const scope: ExpressionScope = new Map<string, JsonValue | ScopeRecord>([
  ['query_state', { a: 7, f: { g: 'x' }, e: [1, 2, 3] }],
  ['provider', provider],
]);

const outcomeOf = (expression: string, variables: ExpressionScope = scope): unknown => {
  try {
    return createEvaluator(source)(expression, variables);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return `${error.code}: ${error.message}`;
  }
};

/** Names that lead somewhere on a JavaScript object or function. */
const hostNames = (
  'constructor prototype toString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString arguments ' +
  'caller callee apply call bind length then kind entries attributes members source construct base typeName size has ' +
  'push charAt map reduce at flat'
).split(' ');
const receivers = ["'text'", '(1)', '1.5', 'True', 'None', '[1]', '(1,)', "{'a': 1}", '{1}', "b'x'", 'range(3)', 'len'];
const objects = ['math', 'random', 'hashlib', 'str', 'ValueError', 'query_state', 'provider', '(lambda: 1)', 'zip()'];

describe('nothing of the host is in reach', () => {
  it.each([...receivers, ...objects])('%s has none of the attributes that its JavaScript object has', (receiver) => {
    for (const name of hostNames) expect([name, outcomeOf(`${receiver}.${name}`)]).toEqual([name, null]);
  });

  it.each(hostNames)('the name %s is not defined', (name) => {
    expect(outcomeOf(name)).toBe(`invalid_expression: NameError: name '${name}' is not defined`);
  });

  it.each(['globalThis', 'process', 'require', 'module', 'eval', 'Function', 'Object', 'this', 'undefined', 'window'])(
    'the global %s is not defined',
    (name) => {
      expect(outcomeOf(name)).toBe(`invalid_expression: NameError: name '${name}' is not defined`);
    },
  );

  it.each(['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty'])('the key %s is missing', (key) => {
    expect(outcomeOf(`query_state['${key}']`)).toBe(`invalid_expression: KeyError: '${key}'`);
    expect(outcomeOf(`query_state.get('${key}')`)).toBeNull();
    expect(outcomeOf(`'${key}' in query_state`)).toBe(false);
    expect(outcomeOf(`'%(${key})s' % query_state`)).toBe('invalid_expression: KeyError: <key>');
  });

  it('keeps a key that is called __proto__ as a key', () => {
    const state = new Map<string, JsonValue>([['__proto__', { polluted: true }]]);
    const result = outcomeOf("{**query_state, 'b': 1}", new Map([['query_state', state]]));
    expect([...(result as Map<string, JsonValue>).keys()]).toEqual(['__proto__', 'b']);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('calls no getter and reads no inherited member of what it is given', () => {
    let calls = 0;
    const inherited = Object.create({ secret: 's' }) as Record<string, JsonValue>;
    Object.defineProperty(inherited, 'hidden', { enumerable: false, get: () => (calls += 1) });
    inherited['own'] = 1;
    const variables: ExpressionScope = new Map([['data', inherited]]);
    expect(outcomeOf("[data.get('secret'), data.get('hidden'), data['own']]", variables)).toEqual([null, null, 1]);
    expect(calls).toBe(0);
  });
});

describe('Python has no way out either', () => {
  it.each([
    '().__class__',
    "''.__class__.__mro__",
    'query_state.__class__',
    'provider.__dict__',
    "'a'._x",
    '__import__',
    "__import__('os')",
    '__builtins__',
    '(lambda: 1).__globals__',
    '(lambda _x: 1)(1)',
    '[_x for _x in (1,)]',
    '(_x := 1)',
    'x__roles__',
    'query_state.x__roles__',
    'query_state.gi_frame',
    '(x for x in (1,)).gi_frame',
    "exec('1')",
    "eval('1')",
    'await x',
    'breakpoint',
    'builtins',
    'import os',
    'x = 1',
    'del x',
    '1; 2',
    'print(1)',
    "open('/etc/passwd')",
    "getattr(1, 'real')",
    'vars()',
    'globals()',
    'locals()',
    'dir()',
    'type(1)',
    'object()',
    'super()',
    "'{0.__class__}'.format(1)",
    "'{0}'.format_map({})",
    "str.format('{}', 1)",
    'tuple(*[[1]])',
    'str(**{})',
    "compile('1', '', 'eval')",
    'input()',
    'memoryview(1)',
    "setattr(query_state, 'a', 1)",
  ])('%s is refused', (expression) => {
    expect(outcomeOf(expression)).toMatch(/^invalid_expression: ./);
  });

  it('does not format through a method that was taken from a text', () => {
    expect(outcomeOf("''.format")).toBe(
      'invalid_expression: NotImplementedError: Using the format*() methods of `str` is not safe',
    );
  });
});

describe('an evaluation leaves nothing behind', () => {
  it('does not change the row, whatever it does to its copy', () => {
    const row = { a: 7, e: [1, 2, 3] };
    const variables: ExpressionScope = new Map([['query_state', row]]);
    expect(outcomeOf("(query_state.pop('a'), query_state['e'].append(4), len(query_state['e']))", variables)).toEqual([
      7,
      null,
      4,
    ]);
    expect(row).toEqual({ a: 7, e: [1, 2, 3] });
  });

  it('forgets names, seeds and modules changed before', () => {
    const evaluate = createEvaluator(source);
    evaluate('(y := 1)', scope);
    expect(() => evaluate('y', scope)).toThrow("name 'y' is not defined");
    const first = createEvaluator(source)('random.random()', scope);
    const other = createEvaluator(source);
    expect(other('(random.seed(1), 1)[1]', scope)).toBe(1);
    expect(createEvaluator(source)('random.random()', scope)).toBe(first);
  });

  it('gives rows numbers of their own and the delivery the same ones at every attempt', () => {
    const numbers = (seed: string): readonly JsonValue[] => {
      const evaluate = createEvaluator({ nowMs: 0, seed });
      return ['random.random()', 'random.random()', 'rand_hash(1)'].map((expression) => evaluate(expression, scope));
    };
    expect(numbers('a')).toEqual(numbers('a'));
    expect(numbers('a')).not.toEqual(numbers('b'));
    expect(new Set(numbers('a')).size).toBe(3);
  });

  it('takes the time from the delivery', () => {
    const evaluate = createEvaluator({ nowMs: Date.UTC(2024, 0, 2, 3, 4, 5, 60), seed: '' });
    expect(evaluate('now()', scope)).toBe('2024-01-02T03:04:05.060000');
    expect(evaluate('utc', scope)).toBe('2024-01-02T03:04:05.060000+00:00');
    expect(createEvaluator({ nowMs: 0, seed: '' })('now()', scope)).toBe('1970-01-01T00:00:00');
  });

  it("reads the attributes of the system's objects, and None for those that they have not", () => {
    expect(outcomeOf('[provider.id, provider.name, provider.zz]')).toEqual(['p1', null, null]);
    expect(outcomeOf("provider['id']")).toBe(
      "invalid_expression: TypeError: 'ScopeRecord' object is not subscriptable",
    );
  });
});
