import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import type { JsonValue } from '../../../shared/json/json-value.ts';
import { pythonJson } from '../../../shared/json/write-json.ts';
import type { EvaluationSource, Evaluator, ScopeRecord, ScopeValue } from '../../../shared/state/evaluator.ts';
import { type PlanOptions } from '../../../shared/state/plan-append.ts';
import type { StateModel } from '../../../shared/state/state-model.ts';
import { column, keyDefinition, parseObject, stateModel } from '../../support/model-fixtures.ts';
import { planAppend } from '../../support/at-once.ts';
import { delivery, names, noEvaluator, plan, rejectionCodes, withProperties } from '../../support/plan-states.ts';

describe('primary keys', () => {
  const keyed = stateModel({
    primaryKey: [keyDefinition({ name: 'id' })],
    properties: parseObject('{"dedup_enabled":true}'),
  });

  it('give every row its key, and columns for it', () => {
    const result = plan(keyed, ['[{"id":1}]']);
    expect(names(result)).toEqual(['id', 'state_key', 'state_key_plain']);
    const [, key] = result.deliveries[0]!.append.cells;
    expect(key).toEqual(result.deliveries[0]!.append.stateKeys);
    expect(result.deliveries[0]!.append.cells[2]).toEqual(['[["id",1]]']);
  });

  it('G-8: with dedupe, a row whose key came before creates no column, but is planned for the database to decide', () => {
    const result = plan(keyed, [
      '[{"id":1},{"id":1,"b":1}]',
      '[{"id":1,"c":1},{"id":2,"d":1}]',
      '[{"id":3,"e":"\\u0000"}]',
      '[{"id":3,"f":1}]',
    ]);
    expect(result.dedupe).toBe(true);
    expect(names(result)).toEqual(['id', 'state_key', 'state_key_plain', 'd', 'f']);
    expect(result.deliveries.map(({ append }) => append.rowCount)).toEqual([2, 2, 1]);
  });

  it('that are required but not defined refuse the message', () => {
    const model = withProperties('{"inheritance":{"require_primary_key":true}}');
    expect(rejectionCodes(plan(model, ['[{"a":1}]']))).toEqual([['d0', 'primary_key_not_defined']]);
  });

  it('G-29: under clob hold null for what is no column of the row any more, as the reference stored it', () => {
    const model = { ...keyed, properties: parseObject('{"persistence":{"mode":"clob"}}') };
    const result = plan(model, ['[{"id":1},{"id":2}]']);
    expect(new Set(result.deliveries[0]!.append.stateKeys)).toHaveLength(1);
  });
});

describe('flatten rules', () => {
  const rows = (model: StateModel, flatten: PlanOptions['flatten'], text: string): string =>
    pythonJson(plan(model, [text], { ...noEvaluator, flatten }).deliveries[0]!.rows, { ascii: true });
  const entry = '[{"Tags":["x","y"],"ID":1}]';

  it('G-14: without individual_rows a list stays in its one row; the reference rule keeps its first item', () => {
    expect(rows(stateModel(), 'lossless', entry)).toBe('[{"tags": "[\\"x\\", \\"y\\"]", "id": 1}]');
    expect(rows(stateModel(), 'reference', entry)).toBe('[{"tags": "x"}]');
  });

  it('G-13: with individual_rows a list expands with all scalars; the reference rule loses those after it', () => {
    const model = withProperties('{"persistence":{"mode":"individual_rows"}}');
    expect(rows(model, 'lossless', entry)).toBe('[{"id": 1, "tags": "x"}, {"id": 1, "tags": "y"}]');
    expect(rows(model, 'reference', entry)).toBe('[{"tags": "x"}, {"tags": "y"}]');
  });
});

describe('expressions', () => {
  it('G-19: see the row, the raw entry and the state, whose variables win over the delivery', () => {
    const seen: [string, ReadonlyMap<string, ScopeValue>][] = [];
    const sources: EvaluationSource[] = [];
    const evaluators = (source: EvaluationSource): Evaluator => {
      sources.push(source);
      return (expression, scope) => {
        seen.push([expression, scope]);
        return seen.length;
      };
    };
    const model = stateModel({
      stateType: 'StateConfigVisual',
      config: { width: '512', zzz: '1', name: 'N' },
      columns: [column({ name: 'k', value: '0' }), column({ name: 'r', value: 'expr', callable: true })],
    });
    const scope = new Map<string, ScopeValue>([
      ['route_id', 'P:S'],
      ['id', 'not this'],
    ]);
    const result = planAppend(model, [delivery('d0', '[{"My A":1},{"My A":2}]', scope)], {
      flatten: 'lossless',
      evaluators,
    });
    expect(pythonJson(result.deliveries[0]!.rows, { ascii: true })).toBe(
      '[{"my_a": 1, "k": "0", "r": 1}, {"my_a": 2, "k": "0", "r": 2}]',
    );
    expect(sources).toEqual([{ nowMs: 1_000, seed: 'd0' }]);
    const [expression, variables] = seen[0]!;
    expect(expression).toBe('expr');
    expect(variables.get('query_state')).toEqual(new Map([['my_a', 1]]));
    expect(variables.get('data')).toEqual({ 'My A': 1 });
    expect([variables.get('route_id'), variables.get('id'), variables.get('state_type')]).toEqual([
      'P:S',
      's1',
      'StateConfigVisual',
    ]);
    const config = variables.get('config') as ScopeRecord;
    expect(Object.fromEntries(config.attributes)).toEqual({
      name: 'N',
      storage_class: 'database',
      template_id: null,
      width: 512,
      height: 1024,
      quantity: 1,
    });
  });

  it('that fail refuse their delivery only', () => {
    const evaluators = (): Evaluator => (_, scope) => {
      if ((scope.get('query_state') as ReadonlyMap<string, JsonValue>).get('a') === 1)
        throw new TerminalError('expression_limit', 'x');
      return null;
    };
    const model = stateModel({ columns: [column({ name: 'r', value: 'e', callable: true })] });
    const result = plan(model, ['[{"a":1}]', '[{"a":2}]'], { flatten: 'lossless', evaluators });
    expect([rejectionCodes(result), result.deliveries.length]).toEqual([[['d0', 'expression_limit']], 1]);
  });

  it('whose evaluator is at fault fail alone, and are not refused for it', () => {
    const model = stateModel({ columns: [column({ name: 'r', value: 'e', callable: true })] });
    const { rejections, deliveries } = plan(model, ['[{"a":1}]', 'null']);
    expect(rejections).toMatchObject([
      { error: { message: 'no expression here' } },
      { error: { name: 'TerminalError' } },
    ]);
    expect(rejections[0]?.error).not.toBeInstanceOf(TerminalError);
    expect(deliveries).toEqual([]);
  });
});

describe('properties', () => {
  it.each([
    '{"routing":{"mode":"later"}}',
    '{"routing":{"mode":5}}',
    '{"routing":{"mode":"after_save","dispatch":"x"}}',
    '{"routing":{"mode":"After_Save"}}',
    '{"routing":"after_save"}',
    '{"persistence":{"flatten":"x"}}',
    '{"persistence":{"mode":5}}',
    '{"persistence":[]}',
    '{"dedup_enabled":"maybe"}',
    '{"inheritance":{"require_primary_key":2}}',
    '{"execution":{"strategy":1}}',
    '{"output":{"enrichments":"raw_output"}}',
    '{"output":{"enrichments":[1]}}',
  ])('G-21: %s refuses every delivery before anything is written', (properties) => {
    const result = plan(withProperties(properties), ['[{"a":1}]', '[{"a":2}]']);
    expect(rejectionCodes(result)).toEqual([
      ['d0', 'invalid_properties'],
      ['d1', 'invalid_properties'],
    ]);
    expect(result.columns).toEqual([]);
  });

  it.each([
    '{}',
    '{"routing":null,"persistence":null,"execution":null}',
    '{"routing":{"mode":null,"dispatch":null},"persistence":{"mode":null,"flatten":""}}',
    '{"routing":{"mode":"after_save"}}',
    '{"routing":{"mode":"after_save","dispatch":""}}',
    '{"routing":{"mode":"disabled","dispatch":"x"}}',
    '{"persistence":{"mode":"json_column","storage_class":"x"},"zzz":1}',
    '{"persistence":{"mode":"clob","flatten":"x"}}',
    '{"execution":{"strategy":"x"},"inheritance":{"mode":"x"},"output":{"enrichments":["x"]}}',
    '{"dedup_enabled":"true","append_to_session":0,"inheritance":{"require_primary_key":"no"}}',
  ])('%s are fine', (properties) => {
    expect(plan(withProperties(properties), ['[{"a":1}]']).rejections).toEqual([]);
  });

  it('G-31: any state type is stored as plain configuration', () => {
    for (const stateType of [
      'STATECONFIG',
      'StateConfigDB',
      'StateConfigAudio',
      'StateConfigUserInput',
      'constructor',
    ]) {
      const model = stateModel({ stateType, columns: [column({ name: 'r', value: 'e', callable: true })] });
      const result = plan(model, ['[{"a":1}]'], { flatten: 'lossless', evaluators: () => () => 1 });
      expect(result.deliveries).toHaveLength(1);
    }
  });
});
