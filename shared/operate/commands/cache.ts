import { askReplicas, replicaSubject } from '../../nats/replica-channel.ts';
import type { ManageCommand, ManageContext } from '../manage-context.ts';

const maxIdCharacters = 255;

/**
 * `cache.invalidate` {state_id | route_id | all: true}: every warm replica forgets it. A replica that is cold has nothing to
 * forget, so no answer at all is right too.
 */
export const cacheInvalidate: ManageCommand = async (args, context) => {
  const stateId = args.optionalText('state_id', maxIdCharacters);
  const routeId = args.optionalText('route_id', maxIdCharacters);
  const all = args.flag('all', false);
  if ([stateId !== undefined, routeId !== undefined, all].filter(Boolean).length !== 1) {
    args.fault('give one of state_id, route_id or all: true');
  }
  args.check();
  const answers = await ask(context, {
    command: 'cache.invalidate',
    ...(stateId === undefined ? {} : { state_id: stateId }),
    ...(routeId === undefined ? {} : { route_id: routeId }),
    ...(all ? { all: true } : {}),
  });
  return { answered: answers.length, replicas: answers };
};

/** `cache.stats`: entries, hits and misses of every warm replica. */
export const cacheStats: ManageCommand = async (args, context) => {
  args.check();
  const replicas = await ask(context, { command: 'cache.stats' });
  return { answered: replicas.length, replicas };
};

/** Nobody knows how many replicas are warm: answers are collected for so long. */
const waitMs = 300;

const ask = async (context: ManageContext, request: Readonly<Record<string, unknown>>): Promise<readonly unknown[]> =>
  askReplicas(await context.bus.connection(), request, {
    subject: replicaSubject(context.manageTopic),
    token: context.token,
    waitMs,
  });
