import type { ArithmeticOperator } from '../objects/arithmetic.ts';
import type { CompareOperator } from '../objects/operators.ts';
import type { PyValue } from '../objects/object.ts';

/** The syntax tree of one expression: checked names, decoded literals. */
export type Node =
  | { readonly kind: 'constant'; readonly value: PyValue }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'joined'; readonly parts: readonly Node[] }
  | {
      readonly kind: 'field';
      readonly value: Node;
      readonly conversion: '' | 's' | 'r' | 'a';
      readonly spec: Node | null;
    }
  | { readonly kind: 'list' | 'tuple' | 'set'; readonly items: readonly Node[] }
  | { readonly kind: 'starred'; readonly value: Node }
  | { readonly kind: 'dict'; readonly members: readonly DictMember[] }
  | { readonly kind: 'not'; readonly operand: Node }
  | { readonly kind: 'unary'; readonly operator: '-' | '+' | '~'; readonly operand: Node }
  | { readonly kind: 'binary'; readonly operator: ArithmeticOperator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'either'; readonly operator: 'and' | 'or'; readonly operands: readonly Node[] }
  | { readonly kind: 'compare'; readonly first: Node; readonly rest: readonly Comparison[] }
  | { readonly kind: 'conditional'; readonly test: Node; readonly chosen: Node; readonly otherwise: Node }
  | { readonly kind: 'lambda'; readonly parameters: readonly Parameter[]; readonly body: Node }
  | {
      readonly kind: 'call';
      readonly callee: Node;
      readonly args: readonly Node[];
      readonly named: readonly NamedArgument[];
    }
  | { readonly kind: 'attribute'; readonly value: Node; readonly name: string }
  | { readonly kind: 'subscript'; readonly value: Node; readonly key: Node }
  | { readonly kind: 'slice'; readonly start: Node | null; readonly stop: Node | null; readonly step: Node | null }
  | Comprehension
  | { readonly kind: 'assign'; readonly name: string; readonly value: Node };

/** A member without a key is `**other`. */
export interface DictMember {
  readonly key: Node | null;
  readonly value: Node;
}

export interface Comparison {
  readonly operator: CompareOperator;
  readonly operand: Node;
}

export interface Parameter {
  readonly name: string;
  /** `rest` takes what is left of the arguments, `keywords` of the named ones; `named` can only be passed by name. */
  readonly form: 'plain' | 'named' | 'rest' | 'keywords';
  readonly byDefault: Node | null;
}

export interface NamedArgument {
  readonly name: string;
  readonly value: Node;
}

/** What a `for` binds: a name, or a tuple of targets. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'starred'; readonly name: string }
  | { readonly kind: 'tuple'; readonly targets: readonly Target[] };

export interface Clause {
  readonly target: Target;
  readonly iterable: Node;
  readonly conditions: readonly Node[];
}

export interface Comprehension {
  readonly kind: 'comprehension';
  readonly form: 'list' | 'set' | 'dict' | 'generator';
  readonly element: Node;
  /** The value of a dictionary's member; `element` is its key. */
  readonly member: Node | null;
  readonly clauses: readonly Clause[];
  /** All names that the clauses bind: they are local from the start. */
  readonly locals: readonly string[];
}
