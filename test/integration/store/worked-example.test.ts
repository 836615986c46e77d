import { describe, expect, it } from 'vitest';
import { said, useFunctions } from '../../support/function-suite.ts';
import { readStreamTexts } from '../../support/read-stream-texts.ts';
import { createState } from '../../support/state-fixture.ts';
import { readStored } from '../../support/stored-state.ts';

const suite = useFunctions();
const key = '0ed7e05c-8bd1-1d3b-c319-c211100662b4';
const rowTexts = ['A', 'B'].map(
  (sku, index) =>
    `{"order_id": 7, "total": 100.0, "items_sku": "${sku}", "items_qty": ${index + 1}, "source": "web", ` +
    `"state_key": "${key}", "state_key_plain": [["order_id", 7]]}`,
);

const toProcessor = async (routeId: string): Promise<readonly string[]> =>
  (await readStreamTexts(suite.client, 'test_processors')).filter((text) => text.includes(routeId));

describe('an order with two items', () => {
  it('is stored, passed on, routed to its processor and replayed', async () => {
    const { database, route, entry, forwarded } = suite;
    const { stateId, outputRouteId, inputRouteIds } = await createState(database.pool, {
      primaryKey: ['order_id'],
      columns: [{ name: 'source', value: 'web' }],
      properties: { persistence: { mode: 'individual_rows' }, routing: { mode: 'after_save' } },
      processorsBehind: 1,
    });
    const [routeId] = inputRouteIds;
    const processorId = routeId!.split(':')[1];
    const body =
      `{"route_id":"${outputRouteId}","input_route_id":null,"type":"query_state_route","input_query_state":{},` +
      `"query_state":[{"Order ID":7,"Total":1e2,"Items":[{"SKU":"A","Qty":1},{"SKU":"B","Qty":2}]}]}`;
    expect(said(await route.post([body]))).toEqual(['ack']);

    const stored = await readStored(database.pool, stateId);
    expect(stored.count).toBe(2);
    expect(stored.columns.map(({ name, data_type, display_order }) => [name, data_type, display_order])).toEqual([
      ['source', 'str', 0],
      ['order_id', 'int', 1],
      ['total', 'float', 2],
      ['items_sku', 'str', 3],
      ['items_qty', 'int', 4],
      ['state_key', 'str', 5],
      ['state_key_plain', 'json', 6],
    ]);
    expect(stored.cells.map((cell) => cell.data_value ?? cell.data_json_value_text)).toEqual(
      [
        ['web', 'web'],
        ['7', '7'],
        ['100.0', '100.0'],
        ['A', 'B'],
        ['1', '2'],
        [key, key],
        ['[["order_id", 7]]', '[["order_id", 7]]'],
      ].flat(),
    );
    expect(stored.mapping).toEqual([
      [key, 0],
      [key, 1],
    ]);

    const [passedOn] = await forwarded(routeId!);
    expect(passedOn).toBe(
      `{"type": "query_state_entry", "route_id": "${routeId}", "query_state": [${rowTexts.join(', ')}]}`,
    );

    expect(said(await entry.post([passedOn!]))).toEqual(['ack']);
    const frame = `{"type": "query_state", "input_route_id": null, "context": {}, "route_id": "${routeId}", "processor_id": "${processorId}", "query_state": `;
    expect(await toProcessor(routeId!)).toEqual([`${frame}[${rowTexts.join(', ')}]}`]);
    expect(await readStreamTexts(suite.client, 'processor_monitor')).toContain(
      `{"type": "processor_state", "route_id": "${routeId}", "status": "ROUTED", "exception": null, "data": null}`,
    );

    expect(said(await entry.post([`{"type": "query_state_route", "route_id": "${routeId}"}`]))).toEqual(['ack']);
    const [, ...replayed] = await toProcessor(routeId!);
    const run = String.raw`"run_id": "[0-9a-f]{8}", "run_created_at": "[-\d]{10}T[:\d]{8}\.\d{6}\+00:00"`;
    expect(replayed).toHaveLength(2);
    for (const [index, text] of replayed.entries()) {
      expect(text.startsWith(frame)).toBe(true);
      const row =
        String.raw`\[\{"source": "web", "order_id": "7", "total": "100.0", "items_sku": "${'AB'[index]}", "items_qty": "${index + 1}", ` +
        String.raw`"state_key": "${key}", "state_key_plain": \[\["order_id", 7\]\], ${run}\}\]\}$`;
      expect(text.slice(frame.length)).toMatch(new RegExp(`^${row}`));
    }
  });
});
