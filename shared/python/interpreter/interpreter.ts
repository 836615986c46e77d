import { attribute } from '../objects/attribute.ts';
import { unaryOperation } from '../objects/arithmetic.ts';
import { escapeAscii } from '../objects/format/escape-ascii.ts';
import { formatValue } from '../objects/format/format-spec.ts';
import { assignName, Frame, lookupName } from './frame.ts';
import { hashKey } from '../objects/hash-key.ts';
import { collect, isIterable, iterate, visitItems } from '../objects/iterate.ts';
import { bindLambda } from './bind-lambda.ts';
import { mergeInto, setMember } from '../objects/dict.ts';
import { addMember } from '../objects/set.ts';
import { binaryOperation, compareOperation } from '../objects/operators.ts';
import { keyError, typeError, valueError } from '../objects/python-error.ts';
import { repr, str } from '../objects/repr.ts';
import {
  type NamedArguments,
  noNamed,
  PyDict,
  PyFunction,
  PyIterator,
  PyList,
  PySet,
  PySlice,
  PyTuple,
  type PyValue,
  type Run,
} from '../objects/object.ts';
import { subscript } from '../objects/subscript.ts';
import type { Clause, Comprehension, Node, Target } from '../syntax/node.ts';
import { truth } from '../objects/truth.ts';
import { typeName } from '../objects/type-name.ts';

/** Calls a function, a method, a type. Throws `TypeError` for anything else. */
export const callValue = (
  run: Run,
  callee: PyValue,
  args: readonly PyValue[],
  named: NamedArguments = noNamed,
): PyValue => {
  run.meter.charge(1);
  if (typeof callee === 'object' && callee !== null) {
    if (callee.kind === 'function') return callee.call(run, args, named);
    if (callee.kind === 'type') return callee.construct(run, args, named);
  }
  throw typeError(`'${typeName(callee)}' object is not callable`);
};

/** The value of a node. Throws `PythonError`, `TerminalError` (`expression_limit`). */
export const evaluateNode = (run: Run, node: Node, frame: Frame): PyValue => {
  run.meter.charge(1);
  run.meter.enter();
  const value = evaluateInner(run, node, frame);
  run.meter.leave();
  return value;
};

const unpack = (run: Run, targets: readonly Target[], value: PyValue, frame: Frame): void => {
  const star = targets.findIndex(({ kind }) => kind === 'starred');
  const items: PyValue[] = [];
  for (const item of iterate(run, value)) {
    items.push(item);
    if (star === -1 && items.length > targets.length) {
      throw valueError(`too many values to unpack (expected ${targets.length})`);
    }
  }
  const least = star === -1 ? targets.length : targets.length - 1;
  if (items.length < least) {
    throw valueError(
      `not enough values to unpack (expected ${star === -1 ? '' : 'at least '}${least}, got ${items.length})`,
    );
  }
  const extra = items.length - least;
  targets.forEach((target, index) => {
    if (index === star) bindTarget(run, target, new PyList(items.slice(index, index + extra)), frame);
    else bindTarget(run, target, items[star !== -1 && index > star ? index + extra - 1 : index]!, frame);
  });
};

const bindTarget = (run: Run, target: Target, value: PyValue, frame: Frame): void => {
  if (target.kind === 'tuple') unpack(run, target.targets, value, frame);
  else frame.variables.set(target.name, value);
};

/** Calls once for every combination of a comprehension's clauses that passes its conditions. */
const eachCombination = (
  run: Run,
  clauses: readonly Clause[],
  frame: Frame,
  source: PyValue,
  visit: () => void,
  index = 0,
): void => {
  const { target, conditions } = clauses[index]!;
  const next = clauses[index + 1];
  visitItems(run, source, (item) => {
    bindTarget(run, target, item, frame);
    for (const condition of conditions) if (!truth(evaluateNode(run, condition, frame))) return;
    if (next === undefined) visit();
    else eachCombination(run, clauses, frame, evaluateNode(run, next.iterable, frame), visit, index + 1);
  });
};

/** The same one by one, as a generator asks for them. */
function* combinations(run: Run, clauses: readonly Clause[], frame: Frame, first: PyValue, index = 0): Generator<void> {
  const clause = clauses[index]!;
  const source = index === 0 ? first : evaluateNode(run, clause.iterable, frame);
  for (const item of iterate(run, source)) {
    bindTarget(run, clause.target, item, frame);
    if (!clause.conditions.every((condition) => truth(evaluateNode(run, condition, frame)))) continue;
    if (index + 1 < clauses.length) yield* combinations(run, clauses, frame, null, index + 1);
    else yield;
  }
}

const comprehend = (run: Run, node: Comprehension, outer: Frame): PyValue => {
  // The first iterable is evaluated outside, at once: it sees the scope's variables, the rest does not.
  const first = evaluateNode(run, node.clauses[0]!.iterable, outer);
  run.meter.spend('frame', 1);
  const frame = new Frame('comprehension', outer.globals, outer.kind === 'top' ? null : outer);
  for (const name of node.locals) frame.variables.set(name, undefined);
  if (node.form === 'generator') {
    iterate(run, first);
    return new PyIterator('generator', generate(run, node, combinations(run, node.clauses, frame, first), frame));
  }
  if (node.form === 'dict') {
    const dict = new PyDict();
    eachCombination(run, node.clauses, frame, first, () => {
      const key = evaluateNode(run, node.element, frame);
      setMember(run, dict, key, evaluateNode(run, node.member!, frame));
    });
    return dict;
  }
  if (node.form === 'set') {
    const set = new PySet();
    eachCombination(run, node.clauses, frame, first, () => {
      addMember(run, set, evaluateNode(run, node.element, frame));
    });
    return set;
  }
  const items: PyValue[] = [];
  eachCombination(run, node.clauses, frame, first, () => {
    items.push(evaluateNode(run, node.element, frame));
    run.meter.grown(items.length);
  });
  run.meter.items(items.length);
  return new PyList(items);
};

function* generate(run: Run, node: Comprehension, rounds: Iterable<void>, frame: Frame): Generator<PyValue> {
  for (const _ of rounds) yield evaluateNode(run, node.element, frame);
}

const evaluateItems = (run: Run, nodes: readonly Node[], frame: Frame): PyValue[] => {
  const items: PyValue[] = [];
  for (const node of nodes) {
    if (node.kind !== 'starred') items.push(evaluateNode(run, node, frame));
    else {
      const value = evaluateNode(run, node.value, frame);
      if (!isIterable(value)) throw typeError(`Value after * must be an iterable, not ${typeName(value)}`);
      for (const item of collect(run, value)) items.push(item);
      run.meter.items(items.length);
    }
  }
  return items;
};

const evaluateField = (run: Run, node: Node & { kind: 'field' }, frame: Frame): string => {
  const value = evaluateNode(run, node.value, frame);
  const spec = node.spec === null ? '' : str(run, evaluateNode(run, node.spec, frame));
  if (node.conversion === '') return formatValue(run, value, spec);
  const shown = node.conversion === 's' ? str(run, value) : repr(run, value);
  return formatValue(run, node.conversion === 'a' ? escapeAscii(run, shown) : shown, spec);
};

const evaluateCall = (run: Run, node: Node & { kind: 'call' }, frame: Frame): PyValue => {
  const callee = evaluateNode(run, node.callee, frame);
  const args: PyValue[] = [];
  for (const each of node.args) args.push(evaluateNode(run, each, frame));
  if (node.named.length === 0) return callValue(run, callee, args);
  return callValue(
    run,
    callee,
    args,
    new Map(node.named.map(({ name, value }) => [name, evaluateNode(run, value, frame)])),
  );
};

const evaluateLambda = (run: Run, node: Node & { kind: 'lambda' }, frame: Frame): PyValue => {
  const defaults = node.parameters.map(({ byDefault }) =>
    byDefault === null ? undefined : evaluateNode(run, byDefault, frame),
  );
  const call = (inner: Run, args: readonly PyValue[], named: NamedArguments): PyValue => {
    inner.meter.spend('frame', 1);
    inner.meter.spend('binding', node.parameters.length);
    const own = new Frame('lambda', frame.globals, frame.kind === 'top' ? null : frame);
    bindLambda(own, node.parameters, defaults, args, named);
    return evaluateNode(inner, node.body, own);
  };
  return new PyFunction('<lambda>', call, 'function');
};

const evaluateCompare = (run: Run, node: Node & { kind: 'compare' }, frame: Frame): boolean => {
  let left = evaluateNode(run, node.first, frame);
  for (const { operator, operand } of node.rest) {
    const right = evaluateNode(run, operand, frame);
    if (!compareOperation(run, operator, left, right)) return false;
    left = right;
  }
  return true;
};

const evaluateDict = (run: Run, node: Node & { kind: 'dict' }, frame: Frame): PyDict => {
  const dict = new PyDict();
  for (const { key, value } of node.members) {
    if (key === null) {
      const source = evaluateNode(run, value, frame);
      if (!(source instanceof PyDict)) throw typeError(`'${typeName(source)}' object is not a mapping`);
      mergeInto(run, dict, source);
    } else {
      const place = evaluateNode(run, key, frame);
      setMember(run, dict, place, evaluateNode(run, value, frame));
    }
  }
  return dict;
};

/** `dict['name']`: the key stands in the source, so an error may name it. */
const memberNamed = (run: Run, dict: PyDict, key: PyValue): PyValue => {
  run.meter.charge(1);
  const entry = dict.entries.get(hashKey(run, key));
  if (entry === undefined) throw keyError(repr(run, key));
  return entry.value;
};

const bound = (run: Run, node: Node | null, frame: Frame): PyValue =>
  node === null ? null : evaluateNode(run, node, frame);

const evaluateInner = (run: Run, node: Node, frame: Frame): PyValue => {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'name':
      return lookupName(frame, node.name);
    case 'joined': {
      const parts = node.parts.map((part) => str(run, evaluateNode(run, part, frame)));
      run.meter.text(parts.reduce((length, part) => length + part.length, 0));
      return parts.join('');
    }
    case 'field':
      return evaluateField(run, node, frame);
    case 'list':
      run.meter.spend('container', 1);
      return new PyList(evaluateItems(run, node.items, frame));
    case 'tuple':
      run.meter.spend('container', 1);
      return new PyTuple(evaluateItems(run, node.items, frame));
    case 'set': {
      run.meter.spend('container', 1);
      const set = new PySet();
      for (const item of evaluateItems(run, node.items, frame)) addMember(run, set, item);
      return set;
    }
    case 'dict':
      run.meter.spend('container', 1);
      return evaluateDict(run, node, frame);
    case 'not':
      return !truth(evaluateNode(run, node.operand, frame));
    case 'unary':
      return unaryOperation(run, node.operator, evaluateNode(run, node.operand, frame));
    case 'binary': {
      const left = evaluateNode(run, node.left, frame);
      return binaryOperation(run, node.operator, left, evaluateNode(run, node.right, frame));
    }
    case 'either': {
      let value: PyValue = null;
      for (const operand of node.operands) {
        value = evaluateNode(run, operand, frame);
        if (truth(value) === (node.operator === 'or')) return value;
      }
      return value;
    }
    case 'compare':
      return evaluateCompare(run, node, frame);
    case 'conditional':
      return evaluateNode(run, truth(evaluateNode(run, node.test, frame)) ? node.chosen : node.otherwise, frame);
    case 'lambda':
      return evaluateLambda(run, node, frame);
    case 'call':
      return evaluateCall(run, node, frame);
    case 'attribute':
      return attribute(evaluateNode(run, node.value, frame), node.name);
    case 'subscript': {
      const value = evaluateNode(run, node.value, frame);
      if (node.key.kind === 'constant' && value instanceof PyDict) return memberNamed(run, value, node.key.value);
      return subscript(run, value, evaluateNode(run, node.key, frame));
    }
    case 'slice':
      return new PySlice(bound(run, node.start, frame), bound(run, node.stop, frame), bound(run, node.step, frame));
    case 'comprehension':
      return comprehend(run, node, frame);
    case 'assign': {
      const value = evaluateNode(run, node.value, frame);
      assignName(frame, node.name, value);
      return value;
    }
    default:
      throw typeError("can't use starred expression here");
  }
};
