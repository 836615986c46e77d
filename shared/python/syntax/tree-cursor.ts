import type { SyntaxNode } from '@lezer/common';

/** A node's children in order, comments left out. */
export const childrenOf = (node: SyntaxNode): SyntaxNode[] => {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== 'Comment') children.push(child);
  }
  return children;
};

/** Splits children at the commas between them; the last part is empty where a comma trails. */
export const splitAtCommas = (nodes: readonly SyntaxNode[]): SyntaxNode[][] => {
  const parts: SyntaxNode[][] = [[]];
  for (const node of nodes) {
    if (node.name === ',') parts.push([]);
    else parts.at(-1)!.push(node);
  }
  return parts;
};
