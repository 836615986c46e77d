import { randomBytes } from 'node:crypto';
import type { Workflow } from './workflow.ts';

/** A message as a processor or the API publishes it. */
export interface DemoMessage {
  readonly id: string;
  readonly body: string;
  readonly traceparent?: string;
}

export interface DemoMessages {
  readonly messages: readonly DemoMessage[];
  /** Every order that must be stored once and reach every processor once, with the amount that must be computed. */
  readonly amounts: ReadonlyMap<number, number>;
  /** The trace that one of the messages belongs to, and the span that published it. */
  readonly traced: { readonly traceId: string; readonly spanId: string };
}

export const uploadedRowCount = 20;
const firstUploadedOrder = 100_001;
const cities = ['Lisboa', 'Zürich', 'São Paulo', '東京', 'Kraków', 'Nairobi'];

/** One upload of rows whose values are all text, as from a CSV file, and many messages of one row with nested fields. */
export const createMessages = (workflow: Workflow, routeMessageCount: number): DemoMessages => {
  const amounts = new Map<number, number>();
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  const noteAmount = (row: ReturnType<typeof order>): void => {
    amounts.set(row.id, row.quantity * row.unitPrice);
  };
  const uploaded = Array.from({ length: uploadedRowCount }, (_, index) => {
    const row = order(firstUploadedOrder + index);
    noteAmount(row);
    return {
      'Order ID': String(row.id),
      Customer: `uploaded ${String(index + 1)}`,
      Quantity: String(row.quantity),
      'Unit Price': String(row.unitPrice),
      'Address.City': cities[index % cities.length],
    };
  });
  const upload = { type: 'query_state_direct', state_id: workflow.stateId, query_state: uploaded };
  const routed = Array.from({ length: routeMessageCount }, (_, index): DemoMessage => {
    const row = order(index + 1);
    noteAmount(row);
    const body = {
      type: 'query_state_route',
      route_id: workflow.outputRouteId,
      input_route_id: null,
      query_state: [
        {
          'Order ID': row.id,
          Customer: `customer ${String(row.id)}`,
          Quantity: row.quantity,
          'Unit Price': row.unitPrice,
          Address: { City: cities[index % cities.length] },
        },
      ],
    };
    const message = { id: `demo-${workflow.runId}-${String(row.id)}`, body: JSON.stringify(body) };
    return index === 0 ? { ...message, traceparent: `00-${traceId}-${spanId}-01` } : message;
  });
  return {
    messages: [...routed, { id: `demo-${workflow.runId}-upload`, body: JSON.stringify(upload) }],
    amounts,
    traced: { traceId, spanId },
  };
};

const order = (id: number): { readonly id: number; readonly quantity: number; readonly unitPrice: number } => ({
  id,
  quantity: 1 + (id % 7),
  unitPrice: 5 + (id % 90),
});
