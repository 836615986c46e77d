import type { JsonValue } from '../json/json-value.ts';
import { ScopeRecord, type ScopeValue } from './evaluator.ts';
import type { StateModel } from './state-model.ts';

/* Attributes that a state type adds to the common ones, with their defaults (reference.md C). */
const template = { template_id: null } as const;
const attributesByType: Readonly<Record<string, Readonly<Record<string, JsonValue>>>> = {
  StateConfigLM: { user_template_id: null, system_template_id: null },
  StateConfigVisual: { ...template, width: 1024, height: 1024, quantity: 1 },
  StateConfigCode: template,
  StateConfigDB: template,
  StateConfigAudio: template,
  StateConfigUserInput: template,
};

const integer = /^[+-]?\d+$/;

/**
 * The variable `config` of an expression: the attributes that the state's type knows. A stored text replaces the
 * default, as a number if the default is one. Any type without attributes of its own is a plain configuration.
 */
export const configRecord = (model: StateModel): ScopeRecord => {
  const defaults: Record<string, JsonValue> = {
    name: null,
    storage_class: 'database',
    ...(Object.hasOwn(attributesByType, model.stateType) ? attributesByType[model.stateType] : {}),
  };
  const attributes: [string, ScopeValue][] = Object.entries(defaults).map(([name, value]) => {
    const stored = Object.hasOwn(model.config, name) ? model.config[name] : undefined;
    if (stored === undefined || stored === null) return [name, value];
    return [name, typeof value === 'number' && integer.test(stored.trim()) ? Number(stored) : stored];
  });
  return new ScopeRecord(attributes);
};
