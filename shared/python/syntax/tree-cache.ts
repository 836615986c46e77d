import type { Node } from './node.ts';

/** What parsing a source came to: a tree, or the error that it will end in every time. */
export type Parsed = { readonly tree: Node } | { readonly error: unknown };

/** Syntax trees by source, the least recently used dropped first. */
export class TreeCache {
  readonly #parsed = new Map<string, Parsed>();
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(source: string, parse: () => Parsed): Parsed {
    const known = this.#parsed.get(source);
    const parsed = known ?? parse();
    if (known !== undefined) this.#parsed.delete(source);
    else if (this.#parsed.size >= this.#maxEntries) {
      for (const oldest of this.#parsed.keys()) {
        this.#parsed.delete(oldest);
        break;
      }
    }
    this.#parsed.set(source, parsed);
    return parsed;
  }
}
