import type { SyntaxNode, Tree } from '@lezer/common';

import { TerminalError } from '../../errors/sync-error.ts';
import type { ArithmeticOperator } from '../objects/arithmetic.ts';
import type { ExpressionLimits } from '../meter/limits.ts';
import { forbiddenAttribute, forbiddenName, isKeyword } from './name-rules.ts';
import { parseArguments, parseParameters } from './parse-call.ts';
import { parseComprehension } from './parse-comprehension.ts';
import { LiteralError, parseNumberLiteral } from './parse-literal.ts';
import { isLogic, parseLogic } from './parse-logic.ts';
import { parseStrings } from './parse-string.ts';
import type { Node } from './node.ts';
import type { Parser } from './parser.ts';
import { invalidSyntax, lineAt, syntaxErrors } from './syntax-error.ts';
import { childrenOf, splitAtCommas } from './tree-cursor.ts';
import { ellipsis } from '../objects/object.ts';

const arithmetics = new Set(['+', '-', '*', '/', '//', '%', '**', '<<', '>>', '&', '|', '^', '@']);

/** Turns the parser's tree into ours; collects what the language forbids, as the reference's compiler does. */
export class TreeParser implements Parser {
  readonly source: string;
  readonly #limits: ExpressionLimits;
  readonly #findings: string[] = [];
  #depth = 0;

  constructor(source: string, limits: ExpressionLimits) {
    this.source = source;
    this.#limits = limits;
  }

  text(node: SyntaxNode): string {
    return this.source.slice(node.from, node.to);
  }

  /** A syntax error at a node. */
  invalid(node: SyntaxNode, message?: string): Error {
    return invalidSyntax(this.source, node.from, 'SyntaxError', message);
  }

  /** Notes what is forbidden; the whole expression is refused in the end. */
  forbid(node: SyntaxNode, message: string): void {
    this.#findings.push(`Line ${lineAt(this.source, node.from)}: ${message}`);
  }

  /** The expression of a whole tree. Throws `PythonError` (`SyntaxError`), `TerminalError` (`expression_limit`). */
  parse(tree: Tree): Node {
    const statements = childrenOf(tree.topNode);
    const [statement, second] = statements;
    if (statement === undefined) throw invalidSyntax(this.source, 0);
    if (second !== undefined) throw this.invalid(second);
    if (statement.name !== 'ExpressionStatement') throw this.invalid(statement);
    const node = this.sequence(statement, childrenOf(statement), false);
    if (this.#findings.length > 0) throw syntaxErrors(this.#findings);
    return node;
  }

  /** One expression, or a tuple where commas follow it. */
  sequence(parent: SyntaxNode, children: readonly SyntaxNode[], starred: boolean): Node {
    const parts = splitAtCommas(children);
    if (parts.length === 1) return this.item(parent, parts[0]!, starred);
    if (parts.at(-1)!.length === 0) parts.pop();
    return { kind: 'tuple', items: parts.map((part) => this.item(parent, part, starred)) };
  }

  /** `expression`, or `*expression` where that is allowed. */
  item(parent: SyntaxNode, part: readonly SyntaxNode[], starred: boolean): Node {
    const [first, second, third] = part;
    if (first === undefined || third !== undefined) throw this.invalid(first ?? parent);
    if (first.name === '*') {
      if (!starred || second === undefined) throw this.invalid(first);
      return { kind: 'starred', value: this.expression(second) };
    }
    if (second !== undefined) throw this.invalid(second);
    return this.expression(first);
  }

  /** One expression. */
  expression(node: SyntaxNode): Node {
    this.#depth += 1;
    if (this.#depth > this.#limits.maxNesting * 2) {
      throw new TerminalError(
        'expression_limit',
        `the expression nests deeper than ${this.#limits.maxNesting * 2} levels`,
      );
    }
    const result = this.#expression(node);
    this.#depth -= 1;
    return result;
  }

  /** A name that is read or bound. */
  name(node: SyntaxNode): string {
    const name = this.text(node).normalize('NFKC');
    if (isKeyword(name)) throw this.invalid(node);
    const reason = forbiddenName(name);
    if (reason !== undefined) this.forbid(node, reason);
    return name;
  }

  #expression(node: SyntaxNode): Node {
    switch (node.name) {
      case 'VariableName':
        return this.#variable(node);
      case 'print':
        return { kind: 'name', name: '_print' };
      case 'Number':
        return { kind: 'constant', value: this.#literal(node, () => parseNumberLiteral(this.text(node))) };
      case 'String':
      case 'FormatString':
      case 'ContinuedString':
        return this.#literal(node, () => parseStrings(this, node));
      case 'Boolean':
        return { kind: 'constant', value: this.text(node) === 'True' };
      case 'None':
        return { kind: 'constant', value: null };
      case 'Ellipsis':
        return { kind: 'constant', value: ellipsis };
      case 'ParenthesizedExpression':
        return this.item(node, this.#inside(node), false);
      case 'TupleExpression':
      case 'ArrayExpression':
      case 'SetExpression':
        return this.#collection(node);
      case 'DictionaryExpression':
        return this.#dictionary(node);
      case 'ComprehensionExpression':
      case 'ArrayComprehensionExpression':
      case 'SetComprehensionExpression':
      case 'DictionaryComprehensionExpression':
        return parseComprehension(this, node, this.#inside(node));
      case 'UnaryExpression':
        return this.#unary(node);
      case 'BinaryExpression':
        return this.#binary(node);
      case 'ConditionalExpression': {
        const [chosen, , test, , otherwise] = childrenOf(node);
        if (otherwise === undefined) throw this.invalid(node);
        return {
          kind: 'conditional',
          chosen: this.expression(chosen!),
          test: this.expression(test!),
          otherwise: this.expression(otherwise),
        };
      }
      case 'LambdaExpression': {
        const [, parameters, , body, more] = childrenOf(node);
        if (body === undefined || more !== undefined) throw this.invalid(node);
        return { kind: 'lambda', parameters: parseParameters(this, parameters!), body: this.expression(body) };
      }
      case 'NamedExpression': {
        const [target, , value] = childrenOf(node);
        if (target?.name !== 'VariableName' || value === undefined) throw this.invalid(node);
        return { kind: 'assign', name: this.name(target), value: this.expression(value) };
      }
      case 'CallExpression': {
        const [callee, list] = childrenOf(node);
        return parseArguments(this, callee!, list!);
      }
      case 'MemberExpression':
        return this.#member(node);
      case 'AwaitExpression':
        this.forbid(node, 'Await statements are not allowed.');
        return { kind: 'constant', value: null };
      case 'YieldExpression':
        this.forbid(node, 'Yield statements are not allowed.');
        return { kind: 'constant', value: null };
      default:
        throw this.invalid(node);
    }
  }

  #literal<Result>(node: SyntaxNode, read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      if (error instanceof LiteralError) throw this.invalid(node, error.message);
      throw error;
    }
  }

  #variable(node: SyntaxNode): Node {
    const name = this.text(node).normalize('NFKC');
    // The reference rewrites these two; without its collector of output they are unknown names.
    if (name === 'print') return { kind: 'name', name: '_print' };
    if (name === 'printed') return { kind: 'call', callee: { kind: 'name', name: '_print' }, args: [], named: [] };
    return { kind: 'name', name: this.name(node) };
  }

  /** Children between the brackets. */
  #inside(node: SyntaxNode): SyntaxNode[] {
    return childrenOf(node).slice(1, -1);
  }

  #collection(node: SyntaxNode): Node {
    const kind = node.name === 'TupleExpression' ? 'tuple' : node.name === 'ArrayExpression' ? 'list' : 'set';
    const parts = splitAtCommas(this.#inside(node));
    if (parts.at(-1)!.length === 0) parts.pop();
    return { kind, items: parts.map((part) => this.item(node, part, true)) };
  }

  #dictionary(node: SyntaxNode): Node {
    const parts = splitAtCommas(this.#inside(node));
    if (parts.at(-1)!.length === 0) parts.pop();
    const members = parts.map((part) => {
      const [first, second, third, more] = part;
      if (first?.name === '**' && second !== undefined && third === undefined) {
        return { key: null, value: this.expression(second) };
      }
      if (second?.name !== ':' || third === undefined || more !== undefined) throw this.invalid(node);
      return { key: this.expression(first!), value: this.expression(third) };
    });
    return { kind: 'dict', members };
  }

  #unary(node: SyntaxNode): Node {
    if (isLogic(this, node)) return parseLogic(this, node);
    const [operator, operand] = childrenOf(node);
    if (operand === undefined) throw this.invalid(node);
    return { kind: 'unary', operator: this.text(operator!) as '-' | '+' | '~', operand: this.expression(operand) };
  }

  #binary(node: SyntaxNode): Node {
    if (isLogic(this, node)) return parseLogic(this, node);
    const children = childrenOf(node);
    const [left, right] = [children[0]!, children.at(-1)!];
    const operator = children
      .slice(1, -1)
      .map((each) => this.text(each))
      .join(' ');
    if (children.length < 3 || left.type.isError || right.type.isError) throw this.invalid(node);
    if (!arithmetics.has(operator)) throw this.invalid(node);
    return {
      kind: 'binary',
      operator: operator as ArithmeticOperator,
      left: this.expression(left),
      right: this.expression(right),
    };
  }

  #member(node: SyntaxNode): Node {
    const [value, separator, property, ...more] = childrenOf(node);
    if (separator?.name === '[') return { kind: 'subscript', value: this.expression(value!), key: this.#key(node) };
    if (property?.name !== 'PropertyName' || more.length > 0) throw this.invalid(node);
    if (value!.name === 'Number' && value!.to === separator!.from && /^\d+$/.test(this.text(value!))) {
      return this.#pointedNumber(node);
    }
    const name = this.text(property).normalize('NFKC');
    if (isKeyword(name)) throw this.invalid(property);
    for (const reason of forbiddenAttribute(name)) this.forbid(property, reason);
    return { kind: 'attribute', value: this.expression(value!), name };
  }

  /** `1.e5` is a float that the grammar takes for an attribute of 1. */
  #pointedNumber(node: SyntaxNode): Node {
    if (!/^\d+\.e\d+$/i.test(this.text(node))) throw this.invalid(node, 'invalid decimal literal');
    return { kind: 'constant', value: Number(this.text(node)) };
  }

  #key(node: SyntaxNode): Node {
    const parts = splitAtCommas(childrenOf(node).slice(2, -1));
    const trailing = parts.length > 1 && parts.at(-1)!.length === 0;
    if (trailing) parts.pop();
    const keys = parts.map((part) => this.#slice(node, part));
    return keys.length === 1 && !trailing ? keys[0]! : { kind: 'tuple', items: keys };
  }

  #slice(node: SyntaxNode, part: readonly SyntaxNode[]): Node {
    if (!part.some(({ name }) => name === ':')) return this.item(node, part, false);
    const bounds: (Node | null)[] = [null, null, null];
    let at = 0;
    for (const each of part) {
      if (each.name === ':') at += 1;
      else bounds[at] = this.expression(each);
    }
    if (at > 2) throw this.invalid(node);
    return { kind: 'slice', start: bounds[0]!, stop: bounds[1]!, step: bounds[2]! };
  }
}
