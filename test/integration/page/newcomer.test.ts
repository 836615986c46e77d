import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStartedEnvironment } from '../../../infra/local/started-environment.ts';
import { axeFaults } from '../../support/axe-faults.ts';
import { findChromium } from '../../support/launch-chromium.ts';
import { structureFaults } from '../../support/page-checks.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { readRows } from '../../support/state-fixture.ts';
import { newTrace, startTracedStack, type TracedStack } from '../../support/traced-stack.ts';
import { until } from '../../support/until.ts';

const chromium = findChromium();
const screenshotDir = process.env['PAGE_SCREENSHOT_DIR'];

/** The whole store as `npm start` runs it; nothing of it is known beforehand but the link that it prints. */
describe.skipIf(chromium.launch === undefined)(`a newcomer's path, in ${chromium.name}`, () => {
  let traced: TracedStack;
  let browser: Browser;
  let page: Page;
  let stateId: string;

  const rowsOf = (table: string) => page.locator(`#${table} tbody tr`);

  beforeAll(async () => {
    traced = await startTracedStack();
    browser = await chromium.launch!();
    page = await (
      await browser.newContext({ viewport: { width: 1180, height: 900 }, reducedMotion: 'reduce' })
    ).newPage();
  });

  afterAll(async () => {
    await browser?.close();
    await traced?.close();
  });

  const sentEdit = async (): Promise<string | undefined> =>
    (await traced.database.pool.query<{ readonly identity: string }>('select identity from state_sync.letter_edit'))[0]
      ?.identity;

  it('leads from a CSV with one bad row to why, to the edited row, and to where it came from', async () => {
    const { stack, database } = traced;
    await page.goto(`${stack.gatewayUrl}/function/manage#token=${encodeURIComponent(stack.functionToken)}`);
    await page.getByRole('heading', { name: 'Streams' }).waitFor();

    const file = join(stack.functionTokenFile, '..', 'orders.csv');
    await writeFile(file, 'order,price,amount\nA-1,2.5,4\nA-2,3,two\nA-3,1,1\n');
    const env = await readStartedEnvironment(join(stack.functionTokenFile, '..', '..'));
    const created = await runStateSync(['state', 'create', 'Orders', '--key', 'order', '--json'], env);
    ({ stateId } = created.json() as { readonly stateId: string });
    // A computed column, as the user interface of ISM makes one.
    await database.pool.query(
      `insert into state_column (state_id, name, value, callable) values ($1, 'total', $2, true)`,
      [stateId, `float(query_state['price']) * int(query_state['amount'])`],
    );
    const published = await runStateSync(['publish', file, '--state', 'Orders', '--wait'], env);
    expect(published.exitCode).toBe(1);

    // The headline says that something is wrong, and the way leads to why.
    await page.locator('#health').filter({ hasText: '1 dead letter' }).waitFor();
    await page.getByRole('link', { name: 'Dead letters' }).click();
    await rowsOf('dead-table').filter({ hasText: 'invalid_expression' }).waitFor();
    await page.getByRole('link', { name: /^Inspect dead letter/ }).click();
    const dialog = page.getByRole('dialog', { name: /^Dead letter/ });
    await dialog.getByText(/total/).first().waitFor();
    await dialog.getByRole('button', { name: 'Edit' }).click();
    const editor = dialog.getByLabel('Edited payload');
    await editor.fill((await editor.inputValue()).replace('"two"', '"2"'));
    await dialog.getByRole('button', { name: 'Send edited' }).click();
    await page.getByText('Sent as a new message; the dead letter is removed.').waitFor();
    await until('all rows are stored', async () => (await readRows(database.pool, stateId)).length === 3);

    await page.getByRole('link', { name: 'States' }).click();
    await rowsOf('states-table').filter({ hasText: 'Orders' }).getByRole('link').click();
    await page.getByRole('heading', { name: 'Orders' }).waitFor();
    const row = rowsOf('rows-table').filter({ hasText: 'A-2' });
    await row.filter({ hasText: '6.0' }).waitFor();
    await row.getByRole('link', { name: /^Way of row/ }).click();
    const way = page.locator('section.way');
    await way.getByText(/^dead letter \d+$/).waitFor();
    await way.getByText('processor_state_sync', { exact: true }).waitFor();
    await way.getByText('row 2 of').waitFor();
    expect(await page.evaluate(structureFaults)).toEqual([]);
    // What it was before the edit, and what was sent, are kept.
    await page.getByRole('link', { name: 'Find' }).click();
    await page.getByLabel(/^Message id/).fill((await sentEdit())!);
    await page.getByText('1 stored, 1 edited', { exact: true }).waitFor();
    await page
      .getByLabel(/^Content before the edit/)
      .filter({ hasText: '"two"' })
      .waitFor();
    await page
      .getByLabel(/^Content after the edit/)
      .filter({ hasText: '"2"' })
      .waitFor();
    await page
      .locator('#health')
      .filter({ hasText: /^Healthy$/ })
      .waitFor();
  });

  it('ends with the trace of a row, drawn as a tree, from what `npm start` collected itself', async () => {
    const trace = newTrace();
    const traceparent = `00-${trace.traceId}-${trace.spanId}-01`;
    const body = JSON.stringify({
      type: 'query_state_direct',
      state_id: stateId,
      query_state: [{ order: 'A-4', price: '1', amount: '7' }],
    });
    await traced.reportProducer(trace);
    await traced.publish([{ body, headers: { traceparent, 'Nats-Msg-Id': 'orders/A-4' } }]);
    await traced.trace(trace.traceId, (spans) => spans.some(({ name }) => name.startsWith('settle')));

    await page.getByRole('link', { name: 'Find' }).click();
    await page.getByLabel('Message id, trace id or key').fill('orders/A-4');
    await page.getByText('1 stored', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Orders' }).click();
    const way = page.locator('section.way');
    await way.getByRole('table', { name: /^Spans of trace/ }).waitFor();
    const spans = await way.locator('tbody tr').allTextContents();
    expect(spans[0]).toMatch(/publish/);
    expect(spans.some((text) => text.includes('deliver'))).toBe(true);
    expect(spans.some((text) => text.includes('state-direct'))).toBe(true);
    const depths = await page.evaluate<readonly number[]>(
      `[...document.querySelectorAll('.way tbody th span')].map((span) => parseFloat(getComputedStyle(span).paddingLeft))`,
    );
    expect(Math.max(...depths)).toBeGreaterThan(14);
    if (screenshotDir !== undefined) await page.screenshot({ path: `${screenshotDir}/row-way.png` });

    // The other way round: the trace leads to the rows.
    await page.getByRole('link', { name: 'Find' }).click();
    await page.getByLabel('Message id, trace id or key').fill(trace.traceId);
    await page.getByRole('heading', { name: 'Stored' }).waitFor();
    await page.getByText('row 3 of').waitFor();
  });

  it.each(['light', 'dark'] as const)('has no fault that axe-core finds, in its %s colours', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    expect(await axeFaults(page), 'find').toEqual([]);
    await page.getByRole('link', { name: 'Orders' }).first().click();
    await page.getByRole('table', { name: /^Spans of trace/ }).waitFor();
    expect(await axeFaults(page), 'state with a row’s way').toEqual([]);
    await page.goBack();
    await page.getByRole('heading', { name: 'Stored' }).waitFor();
  });

  it('says of a message that nothing knows that nothing knows it, and finds a row by its key', async () => {
    await page.getByLabel('Message id, trace id or key').fill('never/sent');
    const nobody =
      'Neither the ledger, nor the dead letters, nor the streams know never/sent, and no row has it as its key.';
    await page.getByText(nobody).waitFor();
    const rowOf = page.locator('section', { has: page.getByRole('heading', { name: 'Rows with this key' }) });
    for (const key of ['A-2', '[["order","A-2"]]']) {
      await page.getByLabel('Message id, trace id or key').fill(key);
      await page.getByText('1 with this key', { exact: true }).waitFor();
      await rowOf.getByRole('link', { name: 'row 2 of Orders' }).click();
      await rowsOf('rows-table').filter({ hasText: 'A-2' }).waitFor();
      await page
        .locator('section.way')
        .getByText(/^dead letter \d+$/)
        .waitFor();
      await page.goBack();
    }
  });
});
