import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { axeFaults } from '../../support/axe-faults.ts';
import { findChromium } from '../../support/launch-chromium.ts';
import { structureFaults } from '../../support/page-checks.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState, type StateFixture } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, storeToken, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

const chromium = findChromium();
const screenshotDir = process.env['PAGE_SCREENSHOT_DIR'];

describe.skipIf(chromium.launch === undefined)(`the graph, in ${chromium.name}`, () => {
  let database: TestDatabase;
  let server: TestNatsServer;
  let client: NatsConnection;
  let store: TestStore;
  let browser: Browser;
  let page: Page;
  let orders: StateFixture;

  const publish = (routeId: string, n: number): Promise<unknown> =>
    client
      .jetstream()
      .publish(
        'processor.state.sync',
        JSON.stringify({ type: 'query_state_route', route_id: routeId, query_state: [{ n }] }),
        { msgID: `graph/${routeId}/${n}` },
      );

  const letters = async (): Promise<number> =>
    (await (await client.jetstreamManager()).streams.info('state_sync_dead_letter')).state.messages;

  beforeAll(async () => {
    [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
    client = await connectNats({ url: server.url, name: 'test' });
    store = await startTestStore({ natsUrl: server.url, databaseUrl: database.url });
    await store.startConnector();
    orders = await createState(database.pool, {
      properties: { routing: { mode: 'after_save' } },
      processorsBehind: 2,
    });
    await database.pool.query(`insert into state_config (state_id, attribute, data) values ($1, 'name', 'Orders')`, [
      orders.stateId,
    ]);
    await database.pool.query(
      `update processor set name = 'Summary' where id = (select processor_id from processor_state where id = $1)`,
      [orders.inputRouteIds[0]],
    );
    browser = await chromium.launch!();
    page = await (
      await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' })
    ).newPage();
    await page.goto(`${store.gatewayUrl}/function/manage#token=${encodeURIComponent(storeToken)}`);
  });

  afterAll(async () => {
    await browser?.close();
    await store?.close();
    await client?.close();
    await Promise.all([server?.close(), database?.stop()]);
  });

  it('shows states with rows, processors, and edges that are as thick as what flows', async () => {
    for (let n = 0; n < 20; n += 1) await publish(orders.outputRouteId, n);
    await page.getByRole('link', { name: 'Graph' }).click();
    const map = page.getByRole('group', { name: 'Map of states and processors' });
    await map.locator('.node', { hasText: 'Orders' }).waitFor();
    await map.locator('.node', { hasText: 'Summary' }).waitFor();
    expect(await map.locator('.node.state').count()).toBe(1);
    expect(await map.locator('.node.processor').count()).toBe(3);
    expect(await map.locator('.edges path').count()).toBe(3);
    await map.locator('.node', { hasText: /20 rows/ }).waitFor();
    const widest = async (): Promise<number> =>
      Math.max(
        ...(await map
          .locator('.edges path')
          .evaluateAll((paths: readonly { getAttribute(name: string): string }[]) =>
            paths.map((path) => Number(path.getAttribute('stroke-width'))),
          )),
      );
    await until('the flow is seen', async () => (await widest()) > 1.2);
    // Messages flow from the left to the right.
    const left = (await map.locator('.node.processor').first().boundingBox())!.x;
    const state = (await map.locator('.node.state').boundingBox())!.x;
    expect(left).toBeLessThan(state);
    expect(await page.evaluate(structureFaults)).toEqual([]);
  });

  it('is red where something is given up, says so in its table, and leads to the dead letters', async () => {
    await client
      .jetstream()
      .publish(
        'processor.state.sync',
        JSON.stringify({ type: 'query_state_route', route_id: orders.outputRouteId, query_state: 'no rows' }),
        { msgID: 'graph/broken' },
      );
    await until('it is a dead letter', async () => (await letters()) === 1);
    await until('the edge is red', async () => (await page.locator('.edges path[data-level=bad]').count()) === 1);
    const colour = await page.evaluate(
      `getComputedStyle(document.querySelector('.edges path[data-level=bad]')).stroke`,
    );
    expect(colour).toBe('rgb(179, 38, 30)');
    await page.getByRole('link', { name: '1 dead letter', exact: true }).first().click();
    await page.locator('#dead-table tbody tr').first().waitFor();
    expect(decodeURIComponent(page.url())).toContain(`route_id=${orders.outputRouteId}`);
    await page.goBack();
    await page.getByRole('heading', { name: 'Graph' }).waitFor();
  });

  it('leads from a node to its state, its stream and its routes', async () => {
    await page.locator('.node.state', { hasText: 'Orders' }).click();
    const chosen = page.locator('#selected');
    await chosen.getByText(orders.inputRouteIds[0]!).waitFor();
    await page.locator('.node.processor', { hasText: 'Summary' }).click();
    await chosen.getByText('test_processors').waitFor();
    await chosen.getByText('test.processors', { exact: true }).waitFor();
    expect(page.url()).toContain('#/graph/');
    await page.goBack();
    await chosen.getByText(orders.inputRouteIds[0]!).waitFor();
  });

  it('shows a paused route as a broken line, and so what waits with its paused state; its table says the same', async () => {
    const routeId = orders.inputRouteIds[0]!;
    const paused = page.locator('.edges path[data-paused]');
    const dashes = `getComputedStyle(document.querySelector('.edges path[data-paused]')).strokeDasharray`;
    const line = (id: string) => page.locator('#routes-table tbody tr', { hasText: id });
    expect(await paused.count()).toBe(0);
    await runStateSync(['pause', 'route', routeId], store.env);
    await until('one route is broken', async () => (await paused.count()) === 1);
    expect(await page.evaluate(dashes)).toBe('6px, 4px');
    expect(await paused.locator('title').textContent()).toMatch(/^paused, /);
    await line('yes')
      .getByRole('button', { name: `Resume route ${routeId}` })
      .waitFor();
    await runStateSync(['resume', 'route', routeId], store.env);
    await until('none is broken', async () => (await paused.count()) === 0);

    await runStateSync(['pause', 'state', 'Orders'], store.env);
    await until('the route into the state is broken', async () => (await paused.count()) === 1);
    await page.locator('.node.state.paused', { hasText: 'paused, ' }).waitFor();
    await line('with state Orders').waitFor();
    expect(await axeFaults(page)).toEqual([]);
    await runStateSync(['resume', 'state', 'Orders'], store.env);
    await until('none is broken', async () => (await paused.count()) === 0);
  });

  it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in its %s colours', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    expect(await axeFaults(page)).toEqual([]);
  });

  it('fits on a phone, with the routes as cards', async () => {
    await page.setViewportSize({ width: 380, height: 800 });
    for (const view of ['Graph', 'History', 'Find', 'Audit', 'States']) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.getByRole('heading', { name: view === 'Find' ? 'Find a message' : view, exact: true }).waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth'), view).toBeLessThanOrEqual(380);
    }
    await page.locator('#states-table tbody tr', { hasText: 'Orders' }).getByRole('link').click();
    await page.getByRole('heading', { name: 'Orders', exact: true }).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth'), 'a state').toBeLessThanOrEqual(380);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByRole('link', { name: 'Graph', exact: true }).click();
    await page.getByRole('heading', { name: 'Graph', exact: true }).waitFor();
  });

  it.runIf(screenshotDir !== undefined)('is drawn (where PAGE_SCREENSHOT_DIR says where)', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    const states = ['Questions', 'Answers', 'Scores', 'Reports', 'Sources'];
    for (const name of states) {
      await database.pool.query(
        `insert into state (id, properties) values ($1, '{"routing": {"mode": "after_save"}}')`,
        [name],
      );
      await database.pool.query(
        `insert into state_config (state_id, attribute, data) values ($1::text, 'name', $1::text)`,
        [name],
      );
    }
    const edges = [
      ['Import', null, 'Questions', 9],
      ['Crawler', null, 'Sources', 3],
      ['Model A', 'Questions', 'Answers', 12],
      ['Model B', 'Questions', 'Answers', 4],
      ['Retriever', 'Sources', 'Answers', 1],
      ['Judge', 'Answers', 'Scores', 16],
      ['Summary', 'Scores', 'Reports', 1],
    ] as const;
    for (const [name, from, to] of edges) {
      await database.pool.query(
        `insert into processor (id, provider_id, project_id, status, name) values ($1::text, 'test/processors/echo', 'p1', 'CREATED', $1::text)`,
        [name],
      );
      const route = (state: string, direction: string) =>
        database.pool.query(
          `insert into processor_state (id, processor_id, state_id, direction, status) values ($1, $2, $3, $4::processor_state_direction, 'CREATED')`,
          [`${name}:${state}`, name, state, direction],
        );
      if (from !== null) await route(from, 'INPUT');
      await route(to, 'OUTPUT');
    }
    for (let n = 0; n < 60; n += 1) {
      for (const [name, , to, many] of edges) {
        for (let k = 0; k < many; k += 1) await publish(`${name}:${to}`, n * 100 + k);
      }
    }
    await client
      .jetstream()
      .publish(
        'processor.state.sync',
        JSON.stringify({ type: 'query_state_route', route_id: 'Retriever:Answers', query_state: 'no rows' }),
        { msgID: 'graph/drawn' },
      );
    await until('the edges are red', async () => (await page.locator('.edges path[data-level=bad]').count()) === 2);
    await page.setViewportSize({ width: 1180, height: 760 });
    await page.getByRole('button', { name: 'Fit' }).click();
    await page.screenshot({ path: `${screenshotDir}/graph.png` });
  });

  it('stays fluid with five hundred nodes: laid out once, moved without drawing anew', async () => {
    await database.pool.query(`insert into state (id, count) select 'wide-s' || n, n from generate_series(0, 249) n`);
    await database.pool.query(
      `insert into processor (id, provider_id, project_id, status)
         select 'wide-p' || n, 'test/processors/echo', 'p1', 'CREATED' from generate_series(0, 249) n`,
    );
    // Ten layers of twenty-five states; each processor writes one state and reads two of the layer before.
    await database.pool.query(
      `insert into processor_state (id, processor_id, state_id, direction, status)
         select 'wide-out' || n, 'wide-p' || n, 'wide-s' || n, 'OUTPUT'::processor_state_direction, 'CREATED'::processor_status from generate_series(0, 249) n
         union all
         select 'wide-in' || n || '-' || k, 'wide-p' || n, 'wide-s' || ((n / 25 - 1) * 25 + (n * (7 + k) + k) % 25), 'INPUT'::processor_state_direction, 'CREATED'::processor_status
           from generate_series(25, 249) n, generate_series(0, 1) k on conflict do nothing`,
    );
    const wide = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    const client500 = await wide.context().newCDPSession(wide);
    await client500.send('Performance.enable');
    const scriptMs = async (): Promise<number> => {
      const { metrics } = await client500.send('Performance.getMetrics');
      return 1_000 * (metrics.find(({ name }) => name === 'ScriptDuration')?.value ?? 0);
    };
    await wide.goto(`${store.gatewayUrl}/function/manage#token=${encodeURIComponent(storeToken)}`);
    await wide.getByRole('heading', { name: 'Streams' }).waitFor();
    const before = await scriptMs();
    await wide.getByRole('link', { name: 'Graph' }).click();
    const map = wide.getByRole('group', { name: 'Map of states and processors' });
    await until('all nodes are there', async () => (await map.locator('.node').count()) === 504);
    const drawnMs = (await scriptMs()) - before;
    const frames = await wide.evaluate<readonly number[]>(frameTimes);
    const median = frames.toSorted((one, other) => one - other)[Math.floor(frames.length / 2)]!;
    if (process.env['PAGE_MEASURE'] !== undefined) console.log({ drawnMs, median, frames: frames.length });
    // 1.1 s and 31 ms were measured; the bounds hold on a machine that does ten other things.
    expect(drawnMs).toBeLessThan(10_000);
    expect(median).toBeLessThan(200);
    await wide.context().close();
  });
});

/** Drags the map for forty frames and returns how long each took. A text, because the project's types know no document. */
const frameTimes = `(async () => {
  const svg = document.querySelector('.map svg');
  const box = svg.getBoundingClientRect();
  const fire = (name, x) => svg.dispatchEvent(new PointerEvent(name, { clientX: box.x + x, clientY: box.y + 100, pointerId: 1, bubbles: true }));
  svg.setPointerCapture = () => {};
  fire('pointerdown', 100);
  const times = [];
  let last = performance.now();
  for (let n = 0; n < 40; n += 1) {
    fire('pointermove', 100 + n * 8);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    times.push(now - last);
    last = now;
  }
  fire('pointerup', 420);
  return times;
})()`;
