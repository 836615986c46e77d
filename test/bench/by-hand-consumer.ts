// What somebody would write who needs the rows in the tables and no more: one process, the plain client of NATS, `JSON.parse`,
// one INSERT of many rows per state and batch, then the acks. No ledger, no order, no retries, no dead letters, no traces.
import { connect, type JsMsg } from 'nats';
import pg from 'pg';

/** Columns by route id; positions are counted here, as nobody else writes. */
interface Target {
  readonly columns: readonly { readonly id: string; readonly name: string }[];
  next: number;
}

const batchMessages = 500;

const insert = `insert into state_column_data (column_id, data_index, data_value)
  select * from unnest($1::bigint[], $2::int[], $3::text[])`;

const storeRows = async (client: pg.Client, target: Target, rows: readonly Record<string, string>[]): Promise<void> => {
  const [ids, positions, values]: [string[], number[], (string | undefined)[]] = [[], [], []];
  for (const row of rows) {
    for (const { id, name } of target.columns) {
      ids.push(id);
      positions.push(target.next);
      values.push(row[name]);
    }
    target.next += 1;
  }
  await client.query(insert, [ids, positions, values]);
};

const storeBatch = async (client: pg.Client, targets: Map<string, Target>, batch: readonly JsMsg[]): Promise<void> => {
  const rows = new Map<string, Record<string, string>[]>();
  for (const message of batch) {
    const { route_id, query_state } = JSON.parse(message.string()) as {
      route_id: string;
      query_state: Record<string, string>[];
    };
    const known = rows.get(route_id);
    if (known === undefined) rows.set(route_id, [...query_state]);
    else known.push(...query_state);
  }
  for (const [route, some] of rows) await storeRows(client, targets.get(route)!, some);
  for (const message of batch) message.ack();
};

const main = async (): Promise<void> => {
  const { DATABASE_URL = '', MSG_URL = '', STREAM = '', TARGETS = '{}' } = process.env;
  const columns = JSON.parse(TARGETS) as Record<string, Target['columns']>;
  const targets = new Map(Object.entries(columns).map(([route, own]) => [route, { columns: own, next: 0 }]));
  const client = new pg.Client(DATABASE_URL);
  await client.connect();
  const nats = await connect({ servers: MSG_URL });
  const manager = await nats.jetstreamManager();
  await manager.consumers.add(STREAM, {
    durable_name: 'by_hand',
    ack_policy: 'explicit' as never,
    max_ack_pending: 5_000,
  });
  const consumer = await nats.jetstream().consumers.get(STREAM, 'by_hand');
  process.once('SIGTERM', () => process.exit(0));
  const waiting: JsMsg[] = [];
  let wake = (): void => undefined;
  await consumer.consume({
    max_messages: batchMessages * 2,
    callback: (message) => {
      waiting.push(message);
      wake();
    },
  });
  process.stdout.write('ready\n');
  for (;;) {
    // What has come meanwhile is one batch.
    if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    await storeBatch(client, targets, waiting.splice(0, batchMessages));
  }
};

await main();
