import { textFindMethods } from './methods-text-find.ts';
import { textShapeMethods } from './methods-text-shape.ts';
import { textSplitMethods } from './methods-text-split.ts';
import type { MethodTable } from './values.ts';

/** All methods of a text. `format` and `format_map` are left out: they read attributes by name. */
export const textMethodTable: MethodTable<string> = new Map([
  ...textFindMethods,
  ...textSplitMethods,
  ...textShapeMethods,
]);
