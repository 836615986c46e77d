import { describe, expect, it } from 'vitest';
import { createEvaluator } from '../../../shared/python/evaluate.ts';
import { type ExpressionScope, ScopeEnum, ScopeRecord } from '../../../shared/python/scope.ts';

const scope: ExpressionScope = new Map([
  [
    'processor',
    new ScopeRecord(
      [
        ['id', 'p1'],
        ['name', null],
        ['status', new ScopeEnum('ProcessorStatusCode', 'CREATED')],
      ],
      'Processor',
    ),
  ],
  [
    'processor_state',
    new ScopeRecord(
      [
        ['direction', new ScopeEnum('ProcessorStateDirection', 'OUTPUT')],
        ['status', new ScopeEnum('ProcessorStatusCode', 'CREATED')],
      ],
      'ProcessorState',
    ),
  ],
]);

/* As pydantic's models and Python 3.11's enums answer. */
describe('objects of the system are as the reference shows them', () => {
  it.each([
    ['str(processor_state.direction)', 'ProcessorStateDirection.OUTPUT'],
    ["f'{processor_state.direction}'", 'ProcessorStateDirection.OUTPUT'],
    ["'%s' % processor_state.direction", 'ProcessorStateDirection.OUTPUT'],
    ['repr(processor_state.direction)', "<ProcessorStateDirection.OUTPUT: 'OUTPUT'>"],
    ["processor_state.direction == 'OUTPUT'", false],
    ["processor_state.direction.value == 'OUTPUT'", true],
    ['processor_state.direction.name', 'OUTPUT'],
    ['processor_state.status == processor.status', true],
    ['processor_state.status == processor_state.direction', false],
    ["{processor_state.status: 'new'}.get(processor.status)", 'new'],
    ['str(processor)', "id='p1' name=None status=<ProcessorStatusCode.CREATED: 'CREATED'>"],
    ['repr(processor)', "Processor(id='p1', name=None, status=<ProcessorStatusCode.CREATED: 'CREATED'>)"],
    ['processor.internal_id', null],
  ])('%s', (expression, expected) => {
    expect(createEvaluator({ nowMs: 0, seed: '' })(expression, scope)).toBe(expected);
  });

  it('an enum itself is no value of a column', () => {
    expect(() => createEvaluator({ nowMs: 0, seed: '' })('processor.status', scope)).toThrow(
      'TypeError: Object of type ProcessorStatusCode is not JSON serializable',
    );
  });
});

describe('what an evaluation changes is as it was for the next', () => {
  const evaluate = createEvaluator({ nowMs: 0, seed: '' });
  const data = { list: [3, 1, 2], inner: { a: [1] } };
  const variables: ExpressionScope = new Map([['data', data]]);

  it.each([
    ["(data['list'].append(4), len(data['list']))[1]", 4],
    ["(data['list'].sort(), data['list'])[1]", [1, 2, 3]],
    ["(data['list'].clear(), data['list'])[1]", []],
    ["(random.shuffle(data['list']), len(data['list']))[1]", 3],
    ["(data.pop('list'), len(data))[1]", 1],
    ["(data['inner']['a'].insert(0, 0), data['inner']['a'])[1]", [0, 1]],
    ["(data['inner'].update({'b': 1}), len(data['inner']))[1]", 2],
    ['(data.clear(), len(data))[1]', 0],
  ])('%s', (expression, expected) => {
    for (let time = 0; time < 2; time += 1) expect(evaluate(expression, variables)).toEqual(expected);
    expect(evaluate("[data['list'], data['inner']['a'], len(data), len(data['inner'])]", variables)).toEqual([
      [3, 1, 2],
      [1],
      2,
      1,
    ]);
  });
});
