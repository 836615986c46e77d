import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiscardPolicy } from 'nats';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../../infra/connector/create-connector.ts';
import { startFunctionHost } from '../../../infra/local/function-host.ts';
import { createLog } from '../../../shared/telemetry/log.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import type { StoreStatus } from '../../../shared/operate/commands/status.ts';
import { startTcpProxy, type TcpProxy } from '../../chaos/tcp-proxy.ts';
import { findChromium } from '../../support/launch-chromium.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, storeToken, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

const chromium = findChromium();
const subject = 'processor.state.sync';

/** The colour of the page's headline, by the mark of the command line: good, degraded, bad. */
const colours: ReadonlyMap<string, string> = new Map([
  ['✓', 'rgb(26, 115, 64)'],
  ['!', 'rgb(138, 88, 0)'],
  ['✗', 'rgb(179, 38, 30)'],
]);
const healthColour = `getComputedStyle(document.querySelector('#health'), '::before').backgroundColor`;

/** Each state is made to happen with real parts; page, `status` and `doctor` have to say the same of it. */
describe.skipIf(chromium.launch === undefined)(
  `health, on the page in ${chromium.name} and in the command line`,
  () => {
    let database: TestDatabase;
    let link: TcpProxy;
    let server: TestNatsServer;
    let client: NatsConnection;
    let store: TestStore;
    let connector: Connector;
    let browser: Browser;
    let page: Page;
    let stateId: string;
    let published = 0;

    const publish = async (count = 1): Promise<void> => {
      const sent = Array.from({ length: count }, (_, index) => {
        const text = JSON.stringify({
          type: 'query_state_direct',
          state_id: stateId,
          query_state: [{ n: published + index }],
        });
        return client.jetstream().publish(subject, text, { msgID: `health/${published + index}` });
      });
      published += count;
      await Promise.all(sent);
    };

    const readStatus = async (): Promise<StoreStatus> =>
      (await runStateSync(['status', '--json'], store.env)).json() as StoreStatus;

    const stored = async (): Promise<boolean> => {
      const [state] = await database.pool.query<{ count: number }>('select count from state where id = $1', [stateId]);
      return state?.count === published;
    };

    /** Waits for the page's headline, then asks the other two. */
    const allSay = async (headline: RegExp, code: string): Promise<void> => {
      await page.locator('#health').filter({ hasText: headline }).waitFor();
      const status = await runStateSync(['status'], store.env);
      expect(status.stdout.split('\n', 1)[0]).toMatch(new RegExp(headline.source.replace('^', '^[✓!✗] ')));
      await page.locator('#health').filter({ hasText: headline }).waitFor();
      expect(await page.evaluate(healthColour)).toBe(colours.get(status.stdout.charAt(0)));
      const { findings } = (await runStateSync(['doctor', '--json'], store.env)).json() as {
        findings: readonly { readonly code: string; readonly level: string }[];
      };
      expect(findings.filter(({ level }) => level !== 'ok').map((finding) => finding.code)).toContain(code);
    };

    const allWell = async (): Promise<void> => {
      await page
        .locator('#health')
        .filter({ hasText: /^Healthy$/ })
        .waitFor();
      const status = await runStateSync(['status'], store.env);
      expect(status).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^✓ Healthy\n/) as unknown });
      expect(await page.evaluate(healthColour)).toBe(colours.get('✓'));
    };

    beforeAll(async () => {
      [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
      client = await connectNats({ url: server.url, name: 'test' });
      const direct = new URL(database.url);
      link = await startTcpProxy(Number(direct.port), () => 0.5);
      const linked = new URL(database.url);
      linked.host = `127.0.0.1:${link.port}`;
      // Row-level security does not hold for the owner of the tables.
      await database.pool.query(`create role app login password 'app' in role pg_read_all_data, pg_write_all_data`);
      await database.pool.query('grant usage on all sequences in schema public to app');
      linked.username = 'app';
      linked.password = 'app';
      store = await startTestStore({ natsUrl: server.url, databaseUrl: linked.href });
      connector = await store.startConnector();
      ({ stateId } = await createState(database.pool));
      browser = await chromium.launch!();
      page = await (await browser.newContext()).newPage();
      await page.goto(`${store.gatewayUrl}/function/manage#token=${encodeURIComponent(storeToken)}`);
      await publish();
      await until('it is stored', stored);
    });

    afterAll(async () => {
      await browser?.close();
      await store?.close();
      await client?.close();
      await link?.close();
      await Promise.all([server?.close(), database?.stop()]);
    });

    it('is good while messages are stored', allWell);

    it('is bad from the first failure of a dead function on, and good when it is back', async () => {
      store.setDead('state-direct', true);
      await publish();
      await allSay(/^state-direct does not work/, 'function_fails');
      await page.getByRole('listitem').filter({ hasText: /502/ }).first().waitFor();
      store.setDead('state-direct', false);
      await until('it is stored', stored);
      await allWell();
    });

    it('is never bad under load, with all in flight that may be', async () => {
      const sending = (async () => {
        for (let n = 0; n < 30; n += 1) await publish(100);
      })();
      let busy = 0;
      const heard = new Set<string>();
      await until('all are stored', async () => {
        const { health, streams } = await readStatus();
        heard.add(health.headline);
        const consumers = streams.flatMap((named) => (named.ok ? (named.stream?.consumers ?? []) : []));
        if (consumers.some(({ pending, ackPending }) => pending + ackPending > 0)) busy += 1;
        heard.add((await page.locator('#health').textContent()) ?? '');
        return await stored();
      });
      await sending;
      await until('all are stored', stored);
      expect(busy).toBeGreaterThan(0);
      expect([...heard]).toEqual(['Healthy']);
    });

    it('says that the database is away, keeps its figures with their age, and is good again afterwards', async () => {
      const ledger = page.locator('#tile-ledger');
      await ledger.filter({ hasText: /\d/ }).waitFor();
      link.setMode({ kind: 'refuse' });
      link.cutAll();
      await publish();
      await page
        .locator('#health')
        .filter({ hasText: /^Database unreachable/ })
        .waitFor();
      await ledger.filter({ hasText: /\d.* ago/ }).waitFor();
      const status = await runStateSync(['status'], store.env);
      expect(status).toMatchObject({
        exitCode: 3,
        stdout: expect.stringMatching(/^✗ Database unreachable/) as unknown,
      });
      const doctor = await runStateSync(['doctor', '--json'], store.env);
      expect(doctor.stdout).toContain('database_unavailable');
      link.setMode({ kind: 'open' });
      await until('it is stored', stored);
      await allWell();
      expect(await ledger.textContent()).not.toContain('ago');
    });

    it('is bad while the bundle of a function is broken: its processes end as soon as they start', async () => {
      const entry = join(store.folder, 'broken.js');
      await writeFile(entry, 'throw new Error("this bundle is broken");\n');
      const host = await startFunctionHost({
        functions: [{ name: 'state-direct', entry }],
        env: {},
        log: createLog({ service: 'host', level: 'ERROR', write: () => undefined, nowMs: Date.now }),
      });
      store.redirect('state-direct', host.url);
      await publish();
      await allSay(/^state-direct does not work/, 'function_fails');
      store.redirect('state-direct', undefined);
      await host.close();
      await until('it is stored', stored);
      await allWell();
    });

    it('says that row-level security hides everything, and gives no message up for it', async () => {
      await database.pool.query('alter table state enable row level security');
      await publish();
      await allSay(/^1 message of processor_state_sync is tried again/, 'retried');
      await page
        .getByRole('listitem')
        .filter({ hasText: /row-level security is active/ })
        .waitFor();
      await database.pool.query('alter table state disable row level security');
      await until('it is stored', stored);
      await allWell();
    });

    it('names one key that is in back-off while the others are stored', async () => {
      const { stateId: other } = await createState(database.pool);
      await database.pool.query('alter table state enable row level security');
      await database.pool.query('create policy readers on state for select to app using (true)');
      await database.pool.query(`create policy writers on state for update to app using (id <> '${other}')`);
      const text = JSON.stringify({ type: 'query_state_direct', state_id: other, query_state: [{ n: 1 }] });
      await client.jetstream().publish(subject, text, { msgID: 'health/other' });
      await allSay(/^1 message of processor_state_sync is tried again/, 'retried');
      await publish(5);
      await until('the others are stored', stored);
      await page
        .getByRole('listitem')
        .filter({ hasText: /a policy of row-level security forbids it/ })
        .waitFor();
      await database.pool.query('alter table state disable row level security');
      await until('it is stored', async () => {
        const [state] = await database.pool.query<{ count: number }>('select count from state where id = $1', [other]);
        return state?.count === 1;
      });
      await allWell();
    });

    it('says that a stream is full and refuses messages, and is good again when it has room', async () => {
      const manager = await client.jetstreamManager();
      const change = async (more: object): Promise<void> => {
        const { config } = await manager.streams.info('processor_state_sync');
        await manager.streams.update('processor_state_sync', { ...config, ...more });
      };
      store.setDead('state-direct', true);
      await publish(3);
      const { state } = await manager.streams.info('processor_state_sync');
      const before = await manager.streams.info('processor_state_sync');
      await change({ max_msgs: state.messages, discard: DiscardPolicy.New });
      await expect(client.jetstream().publish(subject, '{}')).rejects.toMatchObject({ code: '503' });
      await page.getByRole('listitem').filter({ hasText: 'Stream processor_state_sync is full' }).waitFor();
      const { findings } = (await runStateSync(['doctor', '--json'], store.env)).json() as {
        findings: readonly { readonly code: string }[];
      };
      expect(findings.map(({ code }) => code)).toContain('stream_full');
      expect((await runStateSync(['status'], store.env)).stdout).toContain('Stream processor_state_sync is full');
      await change({ max_msgs: before.config.max_msgs, discard: before.config.discard });
      store.setDead('state-direct', false);
      await until('all are stored', stored);
      await allWell();
    });

    it('says that the connector is away, and that nobody reads what waits', async () => {
      await connector.stop(500);
      // What was settled a moment ago proves a reader still.
      await sleep(10_000);
      await allSay(/^No connector/, 'connector_away');
      await publish();
      await allSay(/^No connector \(and \d more\)/, 'not_read');
      const row = page.locator('#streams-table tbody tr', { hasText: 'processor_state_sync' });
      await row.filter({ hasText: 'No active consumer' }).waitFor();
      connector = await store.startConnector();
      await until('it is stored', stored);
      await allWell();
    });

    it('says nothing of streams that others read', async () => {
      await client
        .jetstream()
        .publish('processor.monitor', 'x')
        .catch(() => undefined);
      const { health } = await readStatus();
      expect(health.states.map(({ name }) => name)).not.toContain('processor_monitor');
      await page
        .getByRole('table', { name: /others read/ })
        .getByText('processor_monitor')
        .first()
        .waitFor();
      await allWell();
    });
  },
);
