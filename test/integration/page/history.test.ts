import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../../infra/connector/create-connector.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import type { HistorySeries } from '../../../shared/operate/history/history-series.ts';
import { axeFaults } from '../../support/axe-faults.ts';
import { findChromium } from '../../support/launch-chromium.ts';
import { createState } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, storeToken, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

const chromium = findChromium();
const minuteMs = 60_000;

describe('the history', () => {
  let database: TestDatabase;
  let server: TestNatsServer;
  let client: NatsConnection;
  let store: TestStore;
  let connector: Connector;
  let stateId: string;
  /** Minutes pass when the test says so. */
  let aheadMs = 0;
  let published = 0;

  const publish = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const query_state = [{ n: published }, { n: -published }];
      const text = JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state });
      published += 1;
      await client.jetstream().publish('processor.state.sync', text, { msgID: `history/${published}` });
    }
  };

  const command = async <T>(fields: object): Promise<T> => {
    const answer = await fetch(`${store.gatewayUrl}/function/manage`, {
      method: 'POST',
      headers: { authorization: `Bearer ${storeToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(fields),
    });
    const { result, error } = (await answer.json()) as { result: T; error?: { reason: string } };
    if (error !== undefined) throw new Error(error.reason);
    return result;
  };

  const history = (): Promise<HistorySeries> => command<HistorySeries>({ command: 'history' });
  const sum = (values: readonly (number | null)[]): number =>
    values.reduce<number>((all, value) => all + (value ?? 0), 0);
  const stored = async (): Promise<boolean> => {
    const [state] = await database.pool.query<{ count: number }>('select count from state where id = $1', [stateId]);
    return state?.count === 2 * published;
  };
  const letters = async (): Promise<number> =>
    (await (await client.jetstreamManager()).streams.info('state_sync_dead_letter')).state.messages;

  beforeAll(async () => {
    [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
    client = await connectNats({ url: server.url, name: 'test' });
    store = await startTestStore({
      natsUrl: server.url,
      databaseUrl: database.url,
      nowMs: () => Date.now() + aheadMs,
      env: { PROMETHEUS_URL: 'http://prometheus.example:9090/' },
    });
    connector = await store.startConnector();
    ({ stateId } = await createState(database.pool));
  });

  afterAll(async () => {
    await store?.close();
    await client?.close();
    await Promise.all([server?.close(), database?.stop()]);
  });

  it('has rows, outcomes, latency, dead letters and cold starts of the minutes that are over', async () => {
    await publish(5);
    await client.jetstream().publish('processor.state.sync', 'no JSON', { msgID: 'history/broken' });
    await until('all is stored or given up', async () => (await stored()) && (await letters()) === 1);
    await until('that to be counted', () => connector.metrics()['acked{processor_state_sync}'] === 5);
    expect(sum((await history()).acked)).toBe(0);
    aheadMs += minuteMs;
    const told = await history();
    expect(told.timesMs).toHaveLength(60);
    expect([sum(told.rows), sum(told.messages), sum(told.acked), sum(told.deadLettered)]).toEqual([10, 5, 5, 1]);
    // Of state-direct, whose first answer it was.
    expect(sum(told.coldStarts)).toBe(1);
    expect(told.latencyP99Ms.filter((ms) => ms !== null).every((ms) => ms > 0 && ms < minuteMs)).toBe(true);
    expect(told.oldestMs.some((ms) => ms !== null)).toBe(true);
  });

  it('survives the end of the connector and of everything that was warm, with its last minute', async () => {
    await publish(3);
    await until('all is stored', stored);
    await connector.stop(2_000);
    aheadMs += minuteMs;
    const rows = await database.pool.query<{ source: string }>('select distinct source from state_sync.history');
    expect(rows.filter(({ source }) => source.startsWith('connector ')).length).toBe(1);
    expect(sum((await history()).acked)).toBe(8);
    connector = await store.startConnector();
    await publish(1);
    // It counts a message once it has heard that it is stored.
    await until('the new one to have counted it', () => connector.metrics()['acked{processor_state_sync}'] === 1);
    aheadMs += minuteMs;
    // Another run of the connector: its minutes stand beside the first one's.
    const told = await history();
    expect([sum(told.acked), sum(told.rows)]).toEqual([9, 18]);
  });

  it('has what nobody heard from the ledger, and says the same when it is asked again', async () => {
    await database.pool.query('delete from state_sync.history');
    const told = await history();
    expect(sum(told.rows)).toBe(18);
    expect(await history()).toEqual(told);
  });

  it('takes nothing from others that is out of bounds', async () => {
    const subscription = client.subscribe('ism_state_sync_store_manage.connectors', {
      callback: (_error, message) => {
        const minutes = [
          { minuteMs: 0, acked: 1_000 },
          { minuteMs: 17, acked: 1_000 },
          { minuteMs: (Math.floor(Date.now() / minuteMs) + 1e6) * minuteMs, acked: 1_000 },
          { minuteMs: Math.floor(Date.now() / minuteMs) * minuteMs, acked: -5, latency: 'x' },
          null,
        ];
        message.respond(JSON.stringify({ history: { source: 'x', minutes } }));
      },
    });
    const before = sum((await history()).acked);
    expect(sum((await history()).acked)).toBe(before);
    subscription.unsubscribe();
  });

  it('is pruned after eight days', async () => {
    await database.pool.query(
      `insert into state_sync.history values (now() - interval '9 days', 'old', '{"acked": 1}'), (now() - interval '6 days', 'kept', '{"acked": 1}')`,
    );
    await history();
    const rows = await database.pool.query<{ source: string }>(
      `select source from state_sync.history where source in ('old', 'kept')`,
    );
    expect(rows).toEqual([{ source: 'kept' }]);
  });

  describe.skipIf(chromium.launch === undefined)(`on the page in ${chromium.name}`, () => {
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      browser = await chromium.launch!();
      page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
      await page.goto(`${store.gatewayUrl}/function/manage#token=${encodeURIComponent(storeToken)}`);
      await page.getByRole('link', { name: 'History' }).click();
    });

    afterAll(async () => browser?.close());

    it('shows charts with axes, one cursor for all of them, and the same as a table', async () => {
      const rows = page.getByRole('img', { name: /^Rows stored: rows at most [\d.]+\/s$/ });
      await rows.waitFor();
      expect(await page.locator('.chart').count()).toBe(6);
      await page
        .getByRole('img', { name: /^From the stream to stored: p50 at most .* (ms|s|min), p99 at most/ })
        .waitFor();
      const box = (await rows.boundingBox())!;
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      // Each caption has the time under the shared cursor.
      await until('all captions have a time', async () => {
        const times = await page.locator('figcaption .quiet').allTextContents();
        return times.length === 6 && new Set(times).size === 1;
      });
      await page.mouse.move(5, 5);
      await until('they have none', async () => (await page.locator('figcaption .quiet').count()) === 0);
      await page.getByText('The same as a table').click();
      expect(await page.locator('#history-table tbody tr').count()).toBe(60);
      await page.locator('#history-table tbody tr', { hasText: /[1-9]/ }).first().waitFor();
      expect(await page.getByRole('link', { name: 'Prometheus' }).getAttribute('href')).toMatch(
        /^http:\/\/prometheus\.example:9090\/graph\?g0\.expr=/,
      );
    });

    it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in its %s colours', async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await page.getByRole('img', { name: /^Rows stored/ }).waitFor();
      expect(await axeFaults(page)).toEqual([]);
    });

    it('draws seven days in steps of an hour, at an address of its own', async () => {
      await page.getByRole('link', { name: '7 days' }).click();
      await page.getByText('steps of 60 minutes').waitFor();
      expect(page.url()).toContain('#/history?hours=168');
    });
  });
});
