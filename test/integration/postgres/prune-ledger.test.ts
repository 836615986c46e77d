import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startPruning } from '../../../shared/function/prune-ledger.ts';
import { createLog } from '../../../shared/telemetry/log.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database?.stop());

const ledgerIds = async (): Promise<readonly string[]> => {
  const rows = await database.pool.query<{ message_id: string }>('select message_id from state_sync.ledger order by 1');
  return rows.map(({ message_id }) => message_id);
};

const silent = createLog({ service: 'test', level: 'ERROR', write: () => undefined, nowMs: Date.now });

describe('pruning the ledger', () => {
  it('removes what is over its age in the background and keeps the rest', async () => {
    await database.pool.query(
      `insert into state_sync.ledger (message_id, applied_at, forwarded)
       values ('old', now() - interval '3 hours', true), ('young', now() - interval '1 hour', true)`,
    );
    const stop = startPruning({ pool: database.pool, retentionHours: 2, log: silent, firstMs: 1, everyMs: 20 });
    while ((await ledgerIds()).includes('old')) await delay(10);
    await stop();
    expect(await ledgerIds()).toEqual(['young']);
    await database.pool.query(`update state_sync.ledger set applied_at = now() - interval '3 hours'`);
    await delay(100);
    expect(await ledgerIds(), 'nothing runs after the stop').toEqual(['young']);
  });
});
