import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { readRouting } from '../../../shared/config/read-routing.ts';
import { syncSelector } from '../../../shared/routing/routing.ts';
import type { Stack } from '../local-stack.ts';
import type { Note, Progress } from '../progress.ts';
import { createArrivalLog, type ArrivalLog } from './arrivals.ts';
import { checkResult } from './check-result.ts';
import { exportProducerSpan } from './export-span.ts';
import { createMessages, uploadedRowCount, type DemoMessages } from './messages.ts';
import { connectPlainClient, type PlainClient } from './plain-client.ts';
import { showArrivals, showFunctions, showStored, showTrace } from './show-result.ts';
import { readCount, readStored } from './stored-result.ts';
import { createWorkflow, insertWorkflow } from './workflow.ts';

export interface DemoOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** The user's Jaeger, for a link to the trace if spans go to a collector of theirs. */
  readonly jaegerUrl: string | undefined;
  /** Messages beside the upload; default 300. */
  readonly routeMessages?: number;
  /** Told when everything has been published. */
  readonly onPublished?: () => void;
}

/**
 * Runs a small real workflow through the store: one upload and a few hundred messages into a state with two processors
 * behind it. Shows what was stored, what arrived and the trace of one message.
 *
 * @returns what is wrong with the result; empty if it is right.
 */
export const runDemo = async (stack: Stack, options: DemoOptions): Promise<readonly string[]> => {
  const { progress, signal } = options;
  const workflow = createWorkflow();
  const routeMessages = options.routeMessages ?? 300;
  const messages = createMessages(workflow, routeMessages);
  const arrivals = createArrivalLog(workflow);
  const database = createPool(stack.databaseUrl, { max: 1, applicationName: 'demo', env: process.env });
  let client: PlainClient | undefined;
  try {
    progress.say(`\ndemo: a state with a primary key, a constant and a computed column, two processors behind it`);
    await insertWorkflow(database, workflow);
    client = await connectPlainClient(stack.natsUrl);
    const plain = client;
    await consumeProcessors(stack, plain, arrivals);
    await progress.step(`${routeMessages} messages and an upload of ${uploadedRowCount} rows published`, () =>
      publish(stack, plain, messages),
    );
    options.onPublished?.();
    signal.throwIfAborted();
    const rows = messages.amounts.size;
    await progress.step('stored and forwarded', (note) =>
      waitUntilQuiet(
        database,
        workflow.stateId,
        arrivals,
        { rows, forwarded: rows * workflow.processors.length },
        { signal, note },
      ),
    );
    const stored = await readStored(database, workflow.stateId);
    const functions = stack.host.functions();
    showStored(progress, workflow, stored);
    showArrivals(progress, workflow, arrivals.byRoute());
    showFunctions(progress, functions);
    await showTrace(progress, messages.traced.traceId, {
      collector: stack.collector,
      jaegerUrl: options.jaegerUrl,
      signal,
    });
    return checkResult({
      amounts: messages.amounts,
      stored,
      arrivals: arrivals.byRoute(),
      messagesPerRoute: messages.messages.length,
      functions,
    });
  } finally {
    await client?.close();
    await database.end();
  }
};

/** The queues of the demo's processors: the streams of routing.yaml whose selector begins like their provider ids. */
const demoPrefix = 'demo/processors/';

const consumeProcessors = async (stack: Stack, client: PlainClient, arrivals: ArrivalLog): Promise<void> => {
  const routing = await readRouting(stack.routingFile);
  const queues = [...routing.routes.values()].filter(({ selector }) => selector.startsWith(demoPrefix));
  if (queues.length === 0) throw new Error(`the routing file has no selector that begins with ${demoPrefix}`);
  for (const { name, subject } of queues) await client.consume(name, subject, arrivals.add);
};

const publish = async (stack: Stack, client: PlainClient, messages: DemoMessages): Promise<void> => {
  const subject = (await readRouting(stack.routingFile)).routes.get(syncSelector)?.subject;
  if (subject === undefined) throw new Error(`the routing file has no selector ${syncSelector}`);
  const startMs = Date.now();
  await client.publish(subject, messages.messages);
  const span = { ...messages.traced, subject, startMs, endMs: Date.now() };
  // Without it the trace has no top. Whoever takes the spans elsewhere may refuse it: that is no fault of the demo.
  await exportProducerSpan(stack.otlpUrl, span).catch((error: unknown) => {
    if (stack.collector !== undefined) throw error;
  });
};

/** Without any progress for this long the demo has failed. */
const stallMs = 30_000;

const pollMs = 100;

/** How long to look for forwards that come a second time. */
const settleMs = 1_000;

/** Waits until all is stored and forwarded, or nothing has moved for too long; the check that follows says what is missing. */
const waitUntilQuiet = async (
  database: DatabasePool,
  stateId: string,
  arrivals: ArrivalLog,
  expected: { readonly rows: number; readonly forwarded: number },
  options: { readonly signal: AbortSignal; readonly note: Note },
): Promise<void> => {
  let lastChangeMs = performance.now();
  let seen = -1;
  for (;;) {
    options.signal.throwIfAborted();
    const stored = await readCount(database, stateId);
    const forwarded = arrivals.orderCount();
    options.note(`stored ${stored} of ${expected.rows}, received ${forwarded} of ${expected.forwarded}`);
    if (stored >= expected.rows && forwarded >= expected.forwarded) break;
    if (stored + forwarded !== seen) {
      seen = stored + forwarded;
      lastChangeMs = performance.now();
    }
    if (performance.now() - lastChangeMs > stallMs) return;
    await sleep(pollMs, undefined, { signal: options.signal });
  }
  await sleep(settleMs, undefined, { signal: options.signal });
};
