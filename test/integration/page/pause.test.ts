import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { axeFaults } from '../../support/axe-faults.ts';
import { findChromium } from '../../support/launch-chromium.ts';
import { createState } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, storeToken, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

const chromium = findChromium();

describe.skipIf(chromium.launch === undefined)(`pause, resume and the audit log, in ${chromium.name}`, () => {
  let database: TestDatabase;
  let server: TestNatsServer;
  let client: NatsConnection;
  let store: TestStore;
  let browser: Browser;
  let page: Page;
  let stateId: string;

  const publish = (id: string, n: number): Promise<unknown> =>
    client
      .jetstream()
      .publish(
        'processor.state.sync',
        JSON.stringify({ type: 'query_state_direct', state_id: id, query_state: [{ n }] }),
        { msgID: `pause/${id}/${n}` },
      );

  const rowsOf = async (id: string): Promise<number | undefined> =>
    (await database.pool.query<{ count: number }>('select count from state where id = $1', [id]))[0]?.count;

  const healthSays = (text: RegExp): Promise<void> => page.locator('#health').filter({ hasText: text }).waitFor();

  beforeAll(async () => {
    [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
    client = await connectNats({ url: server.url, name: 'test' });
    store = await startTestStore({ natsUrl: server.url, databaseUrl: database.url });
    await store.startConnector();
    ({ stateId } = await createState(database.pool));
    browser = await chromium.launch!();
    page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    await page.goto(`${store.gatewayUrl}/function/manage#token=${encodeURIComponent(storeToken)}`);
    await healthSays(/^Healthy$/);
    const manager = await client.jetstreamManager();
    const isThere = (): Promise<boolean> =>
      manager.streams.info('processor_state_sync').then(
        () => true,
        () => false,
      );
    await until('the connector has made its stream', isThere);
  });

  afterAll(async () => {
    await browser?.close();
    await store?.close();
    await client?.close();
    await Promise.all([server?.close(), database?.stop()]);
  });

  it('pauses a state from a menu that axe-core finds no fault with, after a question: its rows wait, those of others do not, and health names it', async () => {
    await page.evaluate(`location.hash = '#/states/${stateId}'`);
    await page.getByText('Pause', { exact: true }).click();
    const quarter = page.getByRole('button', { name: /^Pause state .* for 15 minutes$/ });
    await quarter.waitFor();
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await axeFaults(page), `the open menu, ${colorScheme}`).toEqual([]);
    }
    await quarter.click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Pause' }).click();
    await healthSays(/^Healthy, 1 paused$/);
    const { stateId: other } = await createState(database.pool);
    await publish(stateId, 1);
    await publish(other, 1);
    await until('the other one is stored', async () => (await rowsOf(other)) === 1);
    expect(await rowsOf(stateId)).toBe(0);
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.locator('#paused-table tbody tr').filter({ hasText: stateId }).filter({ hasText: 'page' }).waitFor();
  });

  it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in its %s colours', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    expect(await axeFaults(page), 'overview').toEqual([]);
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.locator('#audit-table tbody tr').first().waitFor();
    expect(await axeFaults(page), 'audit').toEqual([]);
    await page.getByRole('link', { name: 'Overview' }).click();
  });

  it('resumes it with one click, and what waited is stored', async () => {
    await page.getByRole('button', { name: `Resume state ${stateId}` }).click();
    await until('it is stored', async () => (await rowsOf(stateId)) === 1);
    await healthSays(/^Healthy$/);
  });

  it('pauses a function and a durable from their lines', async () => {
    const line = page.locator('#functions-table tbody tr').filter({ hasText: 'state-direct' });
    await line.getByText('Pause', { exact: true }).click();
    await line.getByRole('button', { name: 'Pause function state-direct until it is resumed' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Pause' }).click();
    await healthSays(/^Healthy, 1 paused$/);
    await line.getByRole('button', { name: 'Resume function state-direct' }).click();
    await healthSays(/^Healthy$/);
    const durable = page.locator('#streams-table tbody tr').filter({ hasText: 'processor_state_sync_sub_1' });
    await durable.getByText('Pause', { exact: true }).click();
    await durable.getByRole('button', { name: /for 1 hour|for 60 minutes/ }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Pause' }).click();
    await healthSays(/^Healthy, 1 paused$/);
    await durable.getByRole('button', { name: /^Resume durable/ }).click();
    await healthSays(/^Healthy$/);
  });

  it('tells in the audit log who did what to what', async () => {
    await page.getByRole('link', { name: 'Audit' }).click();
    const rows = page.locator('#audit-table tbody tr');
    await until('all six are there', async () => (await rows.count()) === 6);
    await rows.filter({ hasText: 'pause' }).filter({ hasText: stateId }).filter({ hasText: 'page' }).first().waitFor();
    await page.getByLabel('Action', { exact: true }).fill('resume');
    await until('only those are shown', async () => (await rows.count()) === 3);
    expect(page.url()).toContain('#/audit?action=resume');
  });
});
