import { callManage } from '../call-manage.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes, usageError } from '../cli-io.ts';
import { meantId } from '../meant-id.ts';
import { tableOr } from '../output.ts';
import { flagValue, textValue } from '../values.ts';

interface Replicas {
  readonly answered: number;
  readonly replicas: readonly {
    readonly function?: string;
    readonly replica?: string;
    readonly caches?: Readonly<
      Record<string, { readonly entries: number; readonly hits: number; readonly misses: number }>
    >;
  }[];
}

const stats: CliCommand = {
  name: 'cache stats',
  summary: 'What every warm replica has cached',
  usage: '',
  options: {},
  examples: ['state-sync cache stats'],
  positionals: { min: 0, max: 0 },
  run: async ({ store, output }) => {
    const result = await callManage<Replicas>(store, { command: 'cache.stats' });
    await output.result(result, () =>
      tableOr(
        'no replica is warm',
        ['function', 'replica', 'cache', 'entries', 'hits', 'misses'],
        result.replicas.flatMap((replica) =>
          Object.entries(replica.caches ?? {}).map(([name, cache]) => [
            replica.function ?? '',
            replica.replica ?? '',
            name,
            cache.entries,
            cache.hits,
            cache.misses,
          ]),
        ),
      ),
    );
    return exitCodes.ok;
  },
};

const clear: CliCommand = {
  name: 'cache clear',
  summary: 'Make every warm replica forget a state, a route, or everything',
  usage: '--state ID | --route ID | --all',
  options: {
    state: { type: 'string', value: 'STATE', help: 'Forget this state: id, name, or how one begins' },
    route: { type: 'string', value: 'ID', help: 'Forget this route: id, or how it begins' },
    all: { type: 'boolean', help: 'Forget everything' },
  },
  examples: ['state-sync cache clear --state 6f1c', 'state-sync cache clear --all'],
  positionals: { min: 0, max: 0 },
  run: async ({ store, output, values }) => {
    const state = textValue(values, 'state');
    const route = textValue(values, 'route');
    const all = flagValue(values, 'all') || undefined;
    if ([state, route, all].filter((value) => value !== undefined).length !== 1) {
      throw usageError('give one of --state, --route, --all');
    }
    const state_id = state === undefined ? undefined : await meantId(store, 'state', state);
    const route_id = route === undefined ? undefined : await meantId(store, 'route', route);
    const result = await callManage<Replicas>(store, { command: 'cache.invalidate', state_id, route_id, all });
    await output.result(result, () => [
      result.answered === 0
        ? 'no replica is warm: nothing was cached'
        : `${result.answered} replicas have forgotten it`,
    ]);
    return exitCodes.ok;
  },
};

export const cacheCommands: readonly CliCommand[] = [stats, clear];
