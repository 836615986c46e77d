import { describe, expect, it } from 'vitest';
import { routeMessage, said, useFunctions } from '../../support/function-suite.ts';
import { createState, readRows } from '../../support/state-fixture.ts';
import { until } from '../../support/until.ts';

const suite = useFunctions();

describe('what a replica keeps of the metadata', () => {
  it('is read again once it can hear of changes: it may have missed one before', async () => {
    const { database, client, start } = suite;
    const own = await start('state-route', { env: { CACHE_TTL_SECONDS: '3600', MSG_MANAGE_TOPIC: 'replica_cache' } });
    const { stateId, outputRouteId } = await createState(database.pool, { columns: [{ name: 'a' }] });
    expect(said(await own.post([routeMessage(outputRouteId, [{ a: 1 }])]))).toEqual(['ack']);
    await database.pool.query(
      `insert into state_column (state_id, name, data_type, value, callable) values ($1, 'b', 'str', 'new', false)`,
      [stateId],
    );
    const ask = () => client.request('replica_cache.replicas', '{"command":"cache.stats"}', { timeout: 1_000 });
    await until('it listens', async () => (await ask()).data.length > 0);
    expect(said(await own.post([routeMessage(outputRouteId, [{ a: 2 }])]))).toEqual(['ack']);
    expect(await readRows(database.pool, stateId)).toEqual([{ a: '1' }, { a: '2', b: 'new' }]);
  });
});
