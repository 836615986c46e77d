import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { ensureConsumers } from '../../../shared/nats/ensure-consumer.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { axeFaults } from '../../support/axe-faults.ts';
import { findChromium } from '../../support/launch-chromium.ts';
import { until } from '../../support/until.ts';
import { structureFaults } from '../../support/page-checks.ts';
import { createState } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, storeToken, type TestStore } from '../../support/test-store.ts';

const chromium = findChromium();

/** Where screenshots go; none are taken where it is not set. */
const screenshotDir = process.env['PAGE_SCREENSHOT_DIR'];

const subject = 'processor.state.sync';
const traceId = '0af7651916cd43dd8448eb211c80319c';

describe.skipIf(chromium.launch === undefined)(`the operator's page in ${chromium.name}`, () => {
  let database: TestDatabase;
  let server: TestNatsServer;
  let connection: NatsConnection;
  let store: TestStore;
  let browser: Browser;
  let pages: Page[] = [];
  /** What the browser complains about: errors of the script, refusals of the policy. */
  let complaints: string[] = [];

  const openPage = async (
    options: {
      readonly token?: string;
      readonly colorScheme?: 'light' | 'dark';
      readonly url?: string;
      /** The fragment of the address, such as `#/dead`. */
      readonly view?: string;
    } = {},
  ): Promise<Page> => {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      colorScheme: options.colorScheme ?? 'light',
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    pages.push(page);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // A wrong token is a 401, a database that is down a 503: the browser reports them by itself.
      if (message.type() === 'error' && !/status of (401|503)/.test(message.text())) complaints.push(message.text());
    });
    page.on('requestfinished', (request) => {
      if (!request.url().startsWith(options.url ?? store.gatewayUrl)) complaints.push(`asked ${request.url()}`);
    });
    await page.goto(`${options.url ?? store.gatewayUrl}/function/manage${options.view ?? ''}`);
    if (options.token !== undefined) await signIn(page, options.token);
    return page;
  };

  const signIn = async (page: Page, token: string): Promise<void> => {
    await page.getByLabel('Token', { exact: true }).fill(token);
    await page.getByRole('button', { name: 'Open' }).click();
  };

  const publish = async (body: unknown, id: string, headers?: Readonly<Record<string, string>>): Promise<void> => {
    const { headers: create } = await import('nats');
    const own = create();
    for (const [name, value] of Object.entries(headers ?? {})) own.set(name, value);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    await connection.jetstream().publish(subject, text, { msgID: id, headers: own });
  };

  const deadLetters = async (): Promise<number> => {
    const manager = await connection.jetstreamManager();
    return (await manager.streams.info('state_sync_dead_letter')).state.messages;
  };

  const rowOf = (page: Page, table: string, text: string) => page.locator(`#${table} tbody tr`, { hasText: text });

  beforeAll(async () => {
    [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
    connection = await connectNats({ url: server.url, name: 'test' });
    store = await startTestStore({
      natsUrl: server.url,
      databaseUrl: database.url,
      env: { JAEGER_UI_URL: 'http://jaeger.example:16686' },
    });
    await store.startConnector();
    // A database without any state is taken for the wrong one.
    await createState(database.pool);
    browser = await chromium.launch!();
  });

  afterAll(async () => {
    await browser?.close();
    await store?.close();
    await connection?.close();
    await Promise.all([server?.close(), database?.stop()]);
  });

  afterEach(async () => {
    for (const page of pages) await page.context().close();
    pages = [];
    const heard = complaints;
    complaints = [];
    expect(heard).toEqual([]);
  });

  it('holds no data until the token is given, refuses a wrong one, and keeps the right one for the tab', async () => {
    const page = await openPage();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.locator('section').count()).toBe(1);
    await signIn(page, 'a wrong one');
    await page.getByRole('alert').filter({ hasText: 'not accepted' }).waitFor();
    expect(await page.locator('section').count()).toBe(1);
    await signIn(page, storeToken);
    await page.getByRole('heading', { name: 'Streams' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Streams' }).waitFor();
    expect(await page.evaluate('localStorage.length')).toBe(0);
    expect(page.url()).not.toContain(storeToken);
  });

  it('shows streams, functions, outcomes and caches, and follows them live', async () => {
    const { stateId } = await createState(database.pool);
    const row = (n: number) => ({ type: 'query_state_direct', state_id: stateId, query_state: [{ n }] });
    await publish(row(0), 'live/0');
    const page = await openPage({ token: storeToken });
    const stream = rowOf(page, 'streams-table', 'processor_state_sync_sub_1');
    await stream.waitFor();
    await rowOf(page, 'functions-table', 'state-direct').waitFor();
    expect(await page.locator('#tile-database').textContent()).toMatch(/ms$/);
    await page.getByRole('link', { name: 'Replicas' }).click();
    const outcome = rowOf(page, 'outcomes-table', 'state-direct').filter({ hasText: 'stored' });
    await outcome.waitFor();
    const stored = async (): Promise<number> =>
      Number((await outcome.locator('td').last().textContent())?.replaceAll(',', ''));
    const before = await stored();
    for (let n = 1; n <= 40; n += 1) await publish(row(n), `live/${n}`);
    await until('the outcomes follow', async () => (await stored()) >= before + 40);
    await rowOf(page, 'cache-table', 'state-direct').first().waitFor();
    await page.goBack();
    await until('the rate is shown', async () =>
      (await stream.locator('polyline').getAttribute('points'))!.includes(' 60,'),
    );
    expect(await page.locator('#health').textContent()).toBe('Healthy');
  });

  it('tells why a message was given up, shows it whole, and replays it with one click', async () => {
    const stateId = `page-${Date.now()}`;
    const markup = '<img src=x onerror="document.title=\'owned\'">';
    await publish({ type: 'query_state_direct', state_id: stateId, query_state: [{ markup }] }, 'page/1', {
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    });
    await publish(`${markup} is not JSON`, 'page/2');
    await until('both are dead letters', async () => (await deadLetters()) >= 2);
    const page = await openPage({ token: storeToken, view: '#/dead' });
    const letter = rowOf(page, 'dead-table', stateId);
    await letter.waitFor();
    expect(await letter.textContent()).toContain('unknown_state');
    expect(await letter.textContent()).toContain(`there is no state ${stateId}`);
    expect(await letter.getByRole('link', { name: /^Trace/ }).getAttribute('href')).toMatch(
      /^http:\/\/jaeger\.example:16686\/trace\/[0-9a-f]{32}$/,
    );
    await letter.getByRole('link', { name: /^Inspect dead letter/ }).click();
    const dialog = page.getByRole('dialog', { name: /^Dead letter/ });
    await dialog.waitFor();
    expect(await dialog.getByLabel('Payload').textContent()).toContain(markup.replaceAll('"', '\\"'));
    expect(await dialog.getByLabel('Headers').textContent()).toContain('dead-letter-code: unknown_state');
    await database.pool.query('insert into state (id, count) values ($1, 0)', [stateId]);
    await dialog.getByRole('button', { name: 'Replay' }).click();
    await page.getByText('1 dead letter replayed: it is on its way again').waitFor();
    await until('the row is stored', async () => {
      const [state] = await database.pool.query<{ count: number }>('select count from state where id = $1', [stateId]);
      return state?.count === 1;
    });
    await letter.waitFor({ state: 'detached' });
    expect(await page.title()).toBe('Dead letters · State Sync Store');
  });

  it('filters by code, replays all of it after a question, and purges', async () => {
    for (let n = 0; n < 3; n += 1) await publish(`broken ${n}`, `filter/${n}`);
    await until('they are dead letters', async () => (await deadLetters()) >= 3);
    const page = await openPage({ token: storeToken, view: '#/dead' });
    await page.getByLabel('Code', { exact: true }).fill('invalid_json');
    await page.getByRole('button', { name: 'Replay all invalid_json' }).click();
    const question = page.getByRole('alertdialog');
    await question.getByRole('button', { name: 'Cancel' }).click();
    const before = await deadLetters();
    expect(before).toBeGreaterThanOrEqual(3);
    await page.getByRole('button', { name: 'Replay all invalid_json' }).click();
    await question.getByRole('button', { name: 'Replay' }).click();
    await page.getByText(/replayed: (they are on their|it is on its) way again/).waitFor();
    // Still no JSON: each of them is a dead letter again.
    await until('they are back', async () => (await deadLetters()) === before);
    await page.getByRole('button', { name: 'Purge all invalid_json' }).click();
    await question.getByRole('button', { name: 'Purge' }).click();
    await page.getByText(/\d+ purged/).waitFor();
    await page.getByText('No dead letters').waitFor();
  });

  it('leads from a group of dead letters to one, whose content is edited and sent as a new message', async () => {
    const { stateId } = await createState(database.pool);
    for (let n = 0; n < 3; n += 1) {
      await publish({ type: 'query_state_direct', state_id: 'not there', query_state: [{ n }] }, `group/${n}`);
    }
    await publish(`{"type":"query_state_direct","state_id":"${stateId}","query_state":[{"n":1.10}`, 'group/broken');
    await until('they are dead letters', async () => (await deadLetters()) >= 4);
    const page = await openPage({ token: storeToken, view: '#/dead' });
    const group = rowOf(page, 'groups-table', 'not there');
    await group.filter({ hasText: /^3/ }).waitFor();
    await group.getByRole('link', { name: /^Show 3 letters with unknown_state/ }).click();
    await until('only they are shown', async () => (await page.locator('#dead-table tbody tr').count()) === 3);
    expect(page.url()).toContain('state_id=not+there');

    await page.getByRole('button', { name: 'Replay 10 first' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Replay' }).click();
    await page.getByRole('heading', { name: '3 dead letters replayed: 3 have come back' }).waitFor();
    await rowOf(page, 'came-back-table', 'there is no state not there').waitFor();
    await page.getByRole('link', { name: 'Show all', exact: true }).click();

    await page.getByLabel('Text in the payload').fill(stateId);
    await until('only it is shown', async () => (await page.locator('#dead-table tbody tr').count()) === 1);
    await page.getByRole('link', { name: /^Inspect dead letter/ }).click();
    const dialog = page.getByRole('dialog', { name: /^Dead letter/ });
    await dialog.getByRole('button', { name: 'Edit' }).click();
    const editor = dialog.getByLabel('Edited payload');
    await editor.fill(`${await editor.inputValue()}]}`);
    await dialog.getByRole('button', { name: 'Send edited' }).click();
    await page.getByText('Sent as a new message; the dead letter is removed.').waitFor();
    await until('the row is stored', async () => {
      const [state] = await database.pool.query<{ count: number }>('select count from state where id = $1', [stateId]);
      return state?.count === 1;
    });
    await page.getByText(`No dead letters with text ${stateId}`).waitFor();
  });

  it('replays and deletes the letters that are selected, and no other; filters by state, stream and time', async () => {
    const { stateId } = await createState(database.pool);
    for (let n = 0; n < 4; n += 1) {
      await publish({ type: 'query_state_direct', state_id: `${stateId}-x`, query_state: [{ n }] }, `select/${n}`);
    }
    const before = new Date(Date.now() - 3_600_000).toISOString();
    await until('they are dead letters', async () => (await deadLetters()) >= 4);
    const page = await openPage({ token: storeToken, view: '#/dead' });
    const rows = page.locator('#dead-table tbody tr');
    await page.getByText('More filters').click();
    await page.getByLabel('State', { exact: true }).fill(`${stateId}-x`);
    await until('only they are shown', async () => (await rows.count()) === 4);
    await page.getByLabel('Before', { exact: true }).fill(before);
    await page.getByText(/^No dead letters with state/).waitFor();
    await page.getByLabel('Before', { exact: true }).fill('');
    await page.getByLabel('Stream', { exact: true }).fill('processor_state_sync');
    await until('they are shown again', async () => (await rows.count()) === 4);

    const letters = await deadLetters();
    await rows.nth(0).getByRole('checkbox').check();
    await rows.nth(2).getByRole('checkbox').check();
    await page.getByText('2 selected').waitFor();
    await page.getByRole('button', { name: 'Delete selected' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('2 dead letters deleted').waitFor();
    await until('two are left', async () => (await rows.count()) === 2);
    expect(await deadLetters()).toBe(letters - 2);
    await page.getByRole('button', { name: 'Select page' }).click();
    await page.getByText('2 selected').waitFor();
    await page.getByRole('button', { name: 'Replay selected' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Replay' }).click();
    await page.getByText('2 dead letters replayed: they are on their way again').waitFor();
    // The state is still not there: both come back.
    await until('they are back', async () => (await deadLetters()) === letters - 2);
    await page.getByText('0 selected').waitFor();
  });

  it('replays at the rate that is asked for', async () => {
    const page = await openPage({ token: storeToken, view: '#/dead?code=unknown_state' });
    for (let n = 0; n < 12; n += 1) {
      await publish({ type: 'query_state_direct', state_id: 'not there', query_state: [{ n }] }, `rate/${n}`);
    }
    await until('they are dead letters', async () => (await deadLetters()) >= 12);
    await page.getByLabel('Replay', { exact: true }).selectOption('10 per second');
    const startedMs = performance.now();
    await page.getByRole('button', { name: 'Replay all unknown_state' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Replay' }).click();
    await page.getByText(/^\d+ dead letters replayed: they are on their way again$/).waitFor();
    // More than ten take a second step.
    expect(performance.now() - startedMs).toBeGreaterThan(1_000);
  });

  it('shows ten thousand dead letters a page at a time, and deletes one', async () => {
    const { headers: create } = await import('nats');
    const names = ['code', 'reason', 'stream', 'subject', 'identity', 'sequence', 'timestamp-ns'];
    for (let n = 0; n < 10_000; n += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, index) => {
          const own = create();
          for (const name of names) own.set(`dead-letter-${name}`, name === 'code' ? 'invalid_json' : '7');
          own.set('dead-letter-time', new Date().toISOString());
          return connection.jetstream().publish('state_sync.dead_letter', `${n + index}`, { headers: own });
        }),
      );
    }
    const page = await openPage({ token: storeToken, view: '#/states' });
    await page.getByRole('heading', { name: 'States' }).waitFor();
    const startedMs = performance.now();
    await page.getByRole('link', { name: 'Dead letters' }).click();
    const rows = page.locator('#dead-table tbody tr');
    await rows.first().waitFor();
    const tookMs = performance.now() - startedMs;
    // Measured: 0.7 s on two busy cores.
    expect(tookMs).toBeLessThan(5_000);
    expect(await rows.count()).toBe(50);
    const first = await rows.first().textContent();
    await page.getByRole('link', { name: 'Older ones' }).click();
    await until('another page', async () => (await rows.first().textContent()) !== first);
    expect(await rows.count()).toBe(50);
    await page.goBack();
    await until('the first page again', async () => (await rows.first().textContent()) === first);
    const before = await deadLetters();
    await page
      .getByRole('link', { name: /^Inspect dead letter/ })
      .first()
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('1 dead letter deleted').waitFor();
    expect(await deadLetters()).toBe(before - 1);
    await page.getByRole('button', { name: 'Purge all' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Purge' }).click();
    await page.getByText('No dead letters').waitFor();
  });

  it('has addresses that can be shared, and steps that the back button takes back', async () => {
    await publish('broken', 'address/1');
    await publish({ type: 'query_state_direct', state_id: 'nowhere', query_state: [{ a: 1 }] }, 'address/2');
    await until('they are dead letters', async () => (await deadLetters()) >= 2);
    const page = await openPage({ token: storeToken, view: '#/dead?code=unknown_state' });
    const letter = rowOf(page, 'dead-table', 'nowhere');
    await letter.waitFor();
    expect(await rowOf(page, 'dead-table', 'invalid_json').count()).toBe(0);
    await letter.getByRole('link', { name: /^Inspect/ }).click();
    await page.getByRole('dialog').waitFor();
    const address = page.url();
    expect(address).toMatch(/#\/dead\/\d+\?code=unknown_state$/);
    await page.goBack();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'States' }).click();
    await page.getByRole('heading', { name: 'States' }).waitFor();
    await page.goBack();
    await letter.waitFor();

    const other = await openPage({ token: storeToken, view: new URL(address).hash });
    await other.getByRole('dialog', { name: /^Dead letter/ }).waitFor();
    await other.keyboard.press('Escape');
    await rowOf(other, 'dead-table', 'nowhere').waitFor();
  });

  it('opens signed in by a link with the token, which it takes out of the address', async () => {
    const page = await openPage({ view: `#token=${encodeURIComponent(storeToken)}` });
    await page.getByRole('heading', { name: 'Streams' }).waitFor();
    expect(page.url()).not.toContain('token');
    await page.goBack().catch(() => undefined);
    expect(page.url()).not.toContain('token');
  });

  it('finds what other writers left in a state and repairs it after a question', async () => {
    const { stateId } = await createState(database.pool, { columns: [{ name: 'a' }] });
    await database.pool.query(
      `insert into state_column_data (column_id, data_index, data_value)
         select id, 0, 'left behind' from state_column where state_id = $1`,
      [stateId],
    );
    const page = await openPage({ token: storeToken, view: '#/states' });
    await page.getByLabel('Search').fill(stateId.slice(0, 13));
    const row = rowOf(page, 'states-table', stateId);
    await row.getByRole('button', { name: `Check state ${stateId}` }).click();
    await row.getByText('count is 0, the next free position is 1').waitFor();
    await row.getByRole('button', { name: `Repair state ${stateId}` }).click();
    const question = page.getByRole('alertdialog');
    expect(await question.textContent()).toContain('set count from 0 to 1');
    await question.getByRole('button', { name: 'Repair' }).click();
    await row.getByText('No faults').waitFor();
    expect(await database.pool.query('select count from state where id = $1', [stateId])).toEqual([{ count: 1 }]);
    await page.getByRole('button', { name: 'Find drifted' }).click();
    await page.getByText('The count of every state is right.').waitFor();
  });

  it('says which part is down and why, and that messages wait which nobody reads', async () => {
    const lonely = await startTestNats();
    const client = await connectNats({ url: lonely.url, name: 'test' });
    const broken = await startTestStore({
      natsUrl: lonely.url,
      databaseUrl: database.url.replace(/:[^:@/]*@/, ':wrong@'),
    });
    try {
      const page = await openPage({ token: storeToken, url: broken.gatewayUrl });
      const health = page.locator('#health');
      await health.filter({ hasText: 'Database refuses us' }).waitFor();
      await page
        .getByRole('listitem')
        .filter({ hasText: /password authentication failed/ })
        .waitFor();
      expect(await page.locator('#tile-database').textContent()).toBe('down');
      const stream = await ensureStream(client, { stream: 'processor_state_sync', baseSubject: subject });
      await ensureConsumers(client, {
        stream,
        durable: 'processor_state_sync_sub_1',
        filterSubjects: [subject, `${subject}.>`],
        ackWaitMs: 30_000,
        maxAckPending: 10,
      });
      await client.jetstream().publish(subject, '{}');
      await rowOf(page, 'streams-table', 'processor_state_sync').filter({ hasText: 'No active consumer' }).waitFor();
      await page.getByRole('listitem').filter({ hasText: 'No connector' }).waitFor();
      // The part that is down is told in the page, not by a broken page; what was asked for says so too.
      await page.getByRole('link', { name: 'States' }).click();
      await page
        .getByText(/database_misconfigured/)
        .first()
        .waitFor();
      await page.context().close();
    } finally {
      await broken.close();
      await client.close();
      await lonely.close();
    }
  });

  it('makes the warm replicas forget', async () => {
    const page = await openPage({ token: storeToken, view: '#/replicas' });
    await page.getByRole('button', { name: 'Clear cache' }).click();
    await page.getByText(/cleared (its|their) cache|nothing was cached/).waitFor();
  });

  it('can be used with the keyboard alone, and read by a screen reader', async () => {
    await publish('broken', 'keyboard/1');
    await until('it is a dead letter', async () => (await deadLetters()) >= 1);
    const page = await openPage({ view: '#/dead' });
    await page.getByLabel('Token', { exact: true }).waitFor();
    // What is typed before the page has put the focus there goes nowhere.
    await page.waitForFunction("document.activeElement?.tagName === 'INPUT'");
    await page.keyboard.type(storeToken);
    await page.keyboard.press('Enter');
    await rowOf(page, 'dead-table', 'invalid_json').first().waitFor();
    await page.reload();
    await rowOf(page, 'dead-table', 'invalid_json').first().waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    const focused = (): Promise<string> =>
      page.evaluate(`document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent`);
    for (let presses = 0; presses < 60 && !(await focused()).startsWith('Inspect dead letter'); presses += 1) {
      await page.keyboard.press('Tab');
    }
    expect(await focused()).toMatch(/^Inspect dead letter/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(await focused()).toMatch(/^Inspect dead letter/);
    // The live updates must not take the focus away.
    await sleep(2_500);
    expect(await focused()).toMatch(/^Inspect dead letter/);

    const faults = await page.evaluate(structureFaults);
    expect(faults).toEqual([]);
  });

  describe.each(['light', 'dark'] as const)('in its %s colours', (colorScheme) => {
    it('has no fault that axe-core finds, in any view', async () => {
      const { stateId } = await createState(database.pool);
      await publish({ type: 'query_state_direct', state_id: stateId, query_state: [{ a: 1 }] }, `axe/${colorScheme}/1`);
      await publish('broken', `axe/${colorScheme}/2`);
      await until('it is a dead letter', async () => (await deadLetters()) >= 1);
      const page = await openPage({ colorScheme });
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      expect(await axeFaults(page), 'sign-in').toEqual([]);
      await signIn(page, storeToken);
      await rowOf(page, 'streams-table', 'processor_state_sync').first().waitFor();
      expect(await axeFaults(page), 'overview').toEqual([]);
      await page.getByRole('link', { name: 'Dead letters' }).click();
      await rowOf(page, 'dead-table', 'invalid_json').first().waitFor();
      expect(await axeFaults(page), 'dead letters').toEqual([]);
      await page
        .getByRole('link', { name: /^Inspect/ })
        .first()
        .click();
      await page.getByRole('dialog').waitFor();
      expect(await axeFaults(page), 'dead letter').toEqual([]);
      await page.getByRole('button', { name: 'Edit' }).click();
      expect(await axeFaults(page), 'editor').toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Purge all' }).click();
      await page.getByRole('alertdialog').waitFor();
      expect(await axeFaults(page), 'question').toEqual([]);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('link', { name: 'States' }).click();
      await rowOf(page, 'states-table', stateId).waitFor();
      expect(await axeFaults(page), 'states').toEqual([]);
      await page.getByRole('link', { name: 'Replicas' }).click();
      await rowOf(page, 'cache-table', 'state-direct').first().waitFor();
      expect(await axeFaults(page), 'replicas').toEqual([]);
      await page.setViewportSize({ width: 380, height: 800 });
      expect(await axeFaults(page), 'replicas on a phone').toEqual([]);
    });
  });

  it('fits on a phone, with each row as a card that hides nothing', async () => {
    await publish('broken', 'phone/1');
    await until('it is a dead letter', async () => (await deadLetters()) >= 1);
    const page = await openPage({ token: storeToken });
    await page.setViewportSize({ width: 380, height: 800 });
    await rowOf(page, 'streams-table', 'processor_state_sync').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(380);
    await page.getByRole('link', { name: 'Dead letters' }).click();
    const letter = rowOf(page, 'dead-table', 'invalid_json').first();
    for (const cell of await letter.locator('td, th').all()) {
      const box = await cell.boundingBox();
      expect(box!.x).toBeGreaterThanOrEqual(0);
      expect(box!.x + box!.width).toBeLessThanOrEqual(380);
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(380);
    await page.getByRole('table', { name: 'Dead letters, newest first' }).waitFor();
  });

  it.runIf(screenshotDir !== undefined).each(['light', 'dark'] as const)(
    'is drawn in %s (where PAGE_SCREENSHOT_DIR says where)',
    async (colorScheme) => {
      const names = ['Orders', 'Customers', 'Invoices', 'Answers'];
      let lastState = '';
      for (const [index, name] of names.entries()) {
        const { stateId } = await createState(database.pool);
        lastState = stateId;
        await database.pool.query(`insert into state_config (state_id, attribute, data) values ($1, 'name', $2)`, [
          stateId,
          name,
        ]);
        for (let n = 0; n < 30 * (index + 1); n += 1) {
          const query_state = [{ order: n, total: n * 2.5, customer: `c-${n}` }];
          await publish({ type: 'query_state_direct', state_id: stateId, query_state }, `${colorScheme}/${name}/${n}`);
        }
      }
      const trace = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
      await publish(
        { type: 'query_state_route', route_id: 'p-17:orders', query_state: [{ a: 1 }] },
        `${colorScheme}/route`,
        trace,
      );
      await publish(
        { type: 'query_state_direct', state_id: 'archive', query_state: [{ a: 1 }] },
        `${colorScheme}/state`,
        trace,
      );
      await publish('{"type":"query_state_direct","state_id', `${colorScheme}/json`, trace);
      const page = await openPage({ token: storeToken, colorScheme, view: '#/dead' });
      await rowOf(page, 'dead-table', 'unknown_route').first().waitFor();
      await page.getByRole('link', { name: 'Overview' }).click();
      // Two minutes of changing traffic, told in twenty seconds: the page takes a sample every two of them.
      for (let n = 0; n < 200; n += 1) {
        const burst = 1 + Math.round(6 * Math.sin(n / 12) ** 2);
        for (let k = 0; k < burst; k += 1) {
          const query_state = [{ order: n * 10 + k, total: k * 2.5, customer: `c-${n}` }];
          await publish(
            { type: 'query_state_direct', state_id: lastState, query_state },
            `${colorScheme}/rate/${n}/${k}`,
          );
        }
        await sleep(100);
      }
      await page.setViewportSize({ width: 1180, height: 900 });
      await page.screenshot({ path: `${screenshotDir}/${colorScheme}-overview.png` });
      await page.getByRole('link', { name: 'Dead letters' }).click();
      await rowOf(page, 'groups-table', 'unknown_route').first().waitFor();
      await page.screenshot({ path: `${screenshotDir}/${colorScheme}-dead-letters.png` });
      await page
        .getByRole('link', { name: /^Inspect/ })
        .first()
        .click();
      await page.getByRole('dialog').waitFor();
      await page.screenshot({ path: `${screenshotDir}/${colorScheme}-letter.png` });
    },
  );
});
