import { readFile } from 'node:fs';
import { promisify } from 'node:util';
import { parseRouting, type RoutingOptions } from '../routing/parse-routing.ts';
import { RoutingError } from '../routing/routing-error.ts';
import type { Routing } from '../routing/routing.ts';

/** Reads and checks the routing file. Throws {@link RoutingError} if it cannot be read or has faults. */
export const readRouting = async (path: string, options: RoutingOptions = {}): Promise<Routing> => {
  let text: string;
  try {
    text = await promisify(readFile)(path, 'utf8');
  } catch (error) {
    throw new RoutingError([`cannot be read: ${path}`], { cause: error });
  }
  return parseRouting(text, options);
};
