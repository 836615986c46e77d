import type { SyntaxNode } from '@lezer/common';

import type { Node } from './node.ts';

/** What the parts of the parser (calls, comprehensions, logic, texts) need of the whole. */
export interface Parser {
  readonly source: string;
  text(node: SyntaxNode): string;
  /** A syntax error at a node. */
  invalid(node: SyntaxNode, message?: string): Error;
  /** Notes what is forbidden; the whole expression is refused in the end. */
  forbid(node: SyntaxNode, message: string): void;
  /** A name that is read or bound. */
  name(node: SyntaxNode): string;
  /** One expression. */
  expression(node: SyntaxNode): Node;
  /** One expression, or a tuple where commas follow it. */
  sequence(parent: SyntaxNode, children: readonly SyntaxNode[], starred: boolean): Node;
}
