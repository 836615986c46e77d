import { readGraphFacts } from '../graph/read-graph-facts.ts';
import { storeGraph } from '../graph/store-graph.ts';
import type { ManageCommand } from '../manage-context.ts';

/** `graph`: states, processors and the routes between them, with rows, rates, what waits and what was given up. */
export const graph: ManageCommand = async (args, context) => {
  args.check();
  return storeGraph(await readGraphFacts(context));
};
