import { parseArgs } from 'node:util';

export interface StartArguments {
  /** Run the demo, check its result, stop, and say by the exit code how it went. */
  readonly once: boolean;
  /** Run the demo at all. */
  readonly demo: boolean;
  readonly help: boolean;
}

export const usage = `npm start                  starts everything and runs the demo, then stays up
npm start -- --once        starts everything, runs and checks the demo, stops; exit code 0 where it is right
npm start -- --no-demo     starts everything and only serves

MSG_URL and DATABASE_URL, where set, are used instead of the embedded servers.
GATEWAY_PORT (8080), FUNCTION_IDLE_MS (30000), ROUTING_FILE (routing.yaml), CACHE_DIR (.cache) change the defaults.
`;

/** Reads the command line of `npm start`; throws a one-line error if it makes no sense. */
export const parseArguments = (args: readonly string[]): StartArguments => {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      once: { type: 'boolean', default: false },
      demo: { type: 'boolean', default: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.once && !values.demo) throw new Error('--once checks the demo: it cannot go with --no-demo');
  return values;
};
