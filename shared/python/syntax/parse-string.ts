import type { SyntaxNode } from '@lezer/common';

import type { Parser } from './parser.ts';
import { decodeEscapes, LiteralError, stringLiteral } from './parse-literal.ts';
import type { Node } from './node.ts';
import { childrenOf } from './tree-cursor.ts';
import { PyBytes } from '../objects/object.ts';

/** One string literal or several in a row. Throws {@link LiteralError}. */
export const parseStrings = (parser: Parser, node: SyntaxNode): Node => {
  const literals = node.name === 'ContinuedString' ? childrenOf(node) : [node];
  const parts: Node[] = [];
  const bytes: Uint8Array[] = [];
  for (const literal of literals) {
    if (literal.name === 'FormatString') {
      parts.push(...parseFormatted(parser, literal));
      continue;
    }
    const source = parser.text(literal);
    const { start, end, isRaw, isBytes } = stringLiteral(source);
    const content = source.slice(start, end);
    if (isBytes) bytes.push(bytesLiteral(content, isRaw));
    else parts.push({ kind: 'constant', value: plainText(content, isRaw) });
  }
  if (bytes.length === literals.length)
    return { kind: 'constant', value: new PyBytes(Uint8Array.from(bytes.flatMap((each) => [...each]))) };
  if (bytes.length > 0) throw new LiteralError('cannot mix bytes and nonbytes literals');
  const [only, second] = parts;
  return only?.kind === 'constant' && second === undefined ? only : { kind: 'joined', parts };
};

const parseFormatted = (parser: Parser, node: SyntaxNode): Node[] => {
  const { start, end, isRaw } = stringLiteral(parser.text(node));
  const parts: Node[] = [];
  let at = node.from + start;
  for (const child of childrenOf(node)) {
    if (child.name !== 'FormatReplacement') continue;
    parts.push(...text(outsideFields(parser.source.slice(at, child.from), isRaw)), ...parseField(parser, child, isRaw));
    at = child.to;
  }
  return [...parts, ...text(outsideFields(parser.source.slice(at, node.from + end), isRaw))];
};

const text = (value: string): Node[] => (value === '' ? [] : [{ kind: 'constant', value }]);

/** Literal text of a formatted string: doubled braces are single ones. */
const outsideFields = (content: string, isRaw: boolean): string => {
  if (/(?<!\{)(?:\{\{)*\{(?!\{)/.test(content)) throw new LiteralError("f-string: expecting '}'");
  if (content.replaceAll('}}', '').includes('}')) throw new LiteralError("f-string: single '}' is not allowed");
  return plainText(content.replaceAll('{{', '{').replaceAll('}}', '}'), isRaw);
};

const plainText = (content: string, isRaw: boolean): string => (isRaw ? content : decodeEscapes(content, false));

/** `{value=!r:spec}`. */
const parseField = (parser: Parser, node: SyntaxNode, isRaw: boolean): Node[] => {
  const children = childrenOf(node);
  const isPart = ({ name }: SyntaxNode): boolean =>
    name === 'FormatSelfDoc' || name === 'FormatConversion' || name === 'FormatSpec';
  const firstPart = children.findIndex(isPart);
  const inside = children.slice(1, firstPart === -1 ? -1 : firstPart);
  if (inside.length === 0) throw new LiteralError('f-string: empty expression not allowed');
  const part = (name: string): SyntaxNode | undefined => children.find((each) => each.name === name);
  const [selfDoc, conversion, spec] = [part('FormatSelfDoc'), part('FormatConversion'), part('FormatSpec')];
  const value = parser.sequence(node, inside, true);
  const field: Node = {
    kind: 'field',
    value,
    conversion:
      conversion === undefined
        ? selfDoc !== undefined && spec === undefined
          ? 'r'
          : ''
        : (parser.text(conversion)[1] as 'r'),
    spec: spec === undefined ? null : parseSpec(parser, spec, isRaw),
  };
  if (selfDoc === undefined) return [field];
  const next = conversion ?? spec ?? children.at(-1)!;
  return [...text(parser.source.slice(node.from + 1, next.from)), field];
};

const parseSpec = (parser: Parser, spec: SyntaxNode, isRaw: boolean): Node => {
  const parts: Node[] = [];
  let at = spec.from + 1;
  for (const child of childrenOf(spec)) {
    if (child.name !== 'FormatReplacement') continue;
    parts.push(...text(plainText(parser.source.slice(at, child.from), isRaw)), ...parseField(parser, child, isRaw));
    at = child.to;
  }
  parts.push(...text(plainText(parser.source.slice(at, spec.to), isRaw)));
  return { kind: 'joined', parts };
};

const bytesLiteral = (content: string, isRaw: boolean): Uint8Array => {
  if (/[^\0-\x7f]/.test(content)) throw new LiteralError('bytes can only contain ASCII literal characters');
  return Uint8Array.from(Buffer.from(isRaw ? content : decodeEscapes(content, true), 'latin1'));
};
