import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/errors/sync-error.ts';
import type { Delivery } from '../../../shared/message/delivery.ts';
import { findRouteTarget, type TargetPorts } from '../../../shared/store/find-target.ts';
import { findTargets } from '../../../shared/store/find-targets.ts';
import { delivery, inputRoute } from '../../support/entry-ports.ts';

const named = (id: string, routeId: string | null): Delivery =>
  delivery(id, 'query_state_route', { route_id: routeId, query_state: [] });

describe('the targets of a batch', () => {
  const asked: string[] = [];
  const ports: TargetPorts = {
    route: (id) => {
      asked.push(id);
      if (id === 'unknown') return Promise.reject(new RetryableError('unknown_route', 'there is no such route'));
      const route = inputRoute(id, `state-${id}`, 'p');
      return id === 'cached' ? route : Promise.resolve(route);
    },
    findProcessor: () => Promise.resolve(undefined),
    findProvider: () => Promise.resolve(undefined),
  };

  it('are found by one lookup for each id, and one that fails is the outcome of those that name it alone', async () => {
    const batch = [
      named('1', 'cached'),
      named('2', 'unknown'),
      named('3', 'read'),
      named('4', null),
      named('5', 'cached'),
      named('6', 'unknown'),
      named('7', 'read'),
    ];
    const { targets, failed } = await findTargets(findRouteTarget, batch, ports);
    expect(targets.map((target) => [target.delivery.id, target.stateId])).toEqual([
      ['1', 'state-cached'],
      ['3', 'state-read'],
      ['5', 'state-cached'],
      ['7', 'state-read'],
    ]);
    expect(failed.map((outcome) => [outcome.id, outcome.outcome === 'ack' ? '' : outcome.code])).toEqual([
      ['4', 'missing_route_id'],
      ['2', 'unknown_route'],
      ['6', 'unknown_route'],
    ]);
    expect(asked).toEqual(['cached', 'unknown', 'read']);
  });
});
