import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'nats';
import { beforeAll, describe, expect, it } from 'vitest';
import { nodeFlags } from '../../infra/local/function-replica.ts';
import { readFunctionConfig } from '../../shared/config/function-config.ts';
import { answerMark } from '../../shared/http/answer-mark.ts';
import { cloudEventsBatchType, encodeBatch } from '../../shared/message/cloud-event.ts';
import { defaultLimits, defaultTriggers } from '../../shared/routing/default-triggers.ts';
import { builtBundles } from '../support/built-bundles.ts';
import { canContain, startContained, type ContainedProcess } from '../support/contained-process.ts';
import { at, containersOf, fieldsOf, readYaml, textOf } from '../support/kubernetes-manifests.ts';
import { tableRows } from '../support/markdown.ts';
import { limitOf, type MemoryNeed } from '../support/memory-need.ts';
import { envOf, functionNames, loadPlatform, readText, type Platform } from '../support/platform.ts';
import { createState } from '../support/state-fixture.ts';
import { startTestDatabase } from '../support/test-database.ts';
import { storeRouting } from '../support/test-function.ts';
import { startTestNats } from '../support/test-nats.ts';

const mebibyte = 1024 * 1024;
const heapOf = (flags: string): number => Number(/--max-old-space-size=(\d+)/.exec(flags)?.[1]);
const heap = heapOf(nodeFlags.join(' '));
const functionSettings = readFunctionConfig({ env: {}, secretsDir: '/nonexistent' });

/** What follows from the settings' defaults. */
const needs: Readonly<Record<'function' | 'connector', MemoryNeed>> = {
  function: { heap, program: 96, bodies: functionSettings.maxBufferedBytes / mebibyte },
  // What is held, and once more as bodies of requests.
  connector: { heap, program: 112, bodies: (2 * defaultLimits.maxInFlightBytes) / mebibyte },
};

let platform: Platform;
beforeAll(async () => {
  platform = await loadPlatform();
});

describe('heap, bodies, concurrency and the memory limit', () => {
  it('follow from one another, as the documented table adds them up', async () => {
    const rows = tableRows(await readText('infra/kubernetes/README.md'), 'process').map((cells) =>
      cells.map((cell) => cell.replaceAll('`', '')),
    );
    const documented = rows.map(([part, ...numbers]) => [part, ...numbers.slice(0, 4).map(Number)]);
    expect(documented).toEqual(
      Object.entries(needs).map(([part, need]) => [part, need.heap, need.program, need.bodies, limitOf(need)]),
    );
  });

  it('are the same in every manifest, every stack file and the image', async () => {
    const dockerfile = await readText('infra/image/Dockerfile');
    expect([...dockerfile.matchAll(/NODE_OPTIONS="([^"]+)"/g)].map((match) => heapOf(match[1] ?? ''))).toEqual([
      heap,
      heap,
    ]);
    const limits = new Map<string, number>();
    const mebibytes = (text: string): number => Number(/^(\d+)Mi$/.exec(text)?.[1]);
    for (const name of functionNames) {
      const [container] = containersOf(platform.named('Service', name, 'serving.knative.dev'));
      limits.set(`knative ${name}`, mebibytes(textOf(at(container, 'resources', 'limits', 'memory'))));
      expect(Number(envOf(container).get('MAX_BODY_BYTES'))).toBe(functionSettings.maxBodyBytes);
    }
    for (const file of ['stack.yml', 'infra/openfaas/stack.pro.yml']) {
      const [stack] = await readYaml(file);
      for (const [name, body] of Object.entries(fieldsOf(at(stack, 'functions')))) {
        limits.set(`${file} ${name}`, mebibytes(textOf(at(body, 'limits', 'memory'))));
        expect(Number(at(body, 'environment', 'MAX_BODY_BYTES'))).toBe(functionSettings.maxBodyBytes);
      }
    }
    expect(limits.size).toBe(12);
    for (const [where, limit] of limits) expect(limit, where).toBe(limitOf(needs.function));
    const [connector] = containersOf(platform.named('Deployment', 'connector'));
    expect(mebibytes(textOf(at(connector, 'resources', 'limits', 'memory')))).toBe(limitOf(needs.connector));
  });

  it('leave room for every request that a trigger may have under way', () => {
    const { maxConcurrentRequests, maxBatchBytes, maxInFlightBytes } = defaultLimits;
    expect(maxConcurrentRequests * maxBatchBytes).toBeLessThanOrEqual(functionSettings.maxBufferedBytes);
    expect(functionSettings.maxBodyBytes).toBeGreaterThan(maxBatchBytes);
    expect(maxInFlightBytes).toBeGreaterThanOrEqual(maxConcurrentRequests * maxBatchBytes);
    for (const name of ['state-direct', 'state-route', 'state-entry']) {
      const concurrency = Number(
        at(
          platform.named('Service', name, 'serving.knative.dev').body,
          'spec',
          'template',
          'spec',
          'containerConcurrency',
        ),
      );
      expect(concurrency * functionSettings.maxBodyBytes, name).toBeLessThanOrEqual(functionSettings.maxBufferedBytes);
    }
  });
});

const contained = canContain();
const note = contained ? '' : ' (skipped: this machine lets us make no memory cgroup)';

describe.skipIf(!contained)(`under the kernel’s limit${note}`, () => {
  let bundles: string;
  beforeAll(async () => {
    bundles = await builtBundles();
  }, 120_000);

  const start = (name: string, limitMebibytes: number, routing: string, env: Readonly<Record<string, string>>) =>
    startContained({
      entry: join(bundles, name, 'index.js'),
      nodeOptions: nodeFlags.join(' '),
      limitBytes: limitMebibytes * mebibyte,
      routing,
      env,
    });

  it('a process that is given too little is killed', async () => {
    const nats = await startTestNats();
    await expect(
      start('state-direct', 12, storeRouting, { DATABASE_URL: 'postgresql://127.0.0.1:9/none', MSG_URL: nats.url }),
    ).rejects.toThrow();
    await nats.close();
  }, 120_000);

  it('a function stores 120 messages of 430 KB in requests of 4 MiB, eight at once', async () => {
    const database = await startTestDatabase();
    const nats = await startTestNats();
    const columns = Array.from({ length: 8 }, (_, index) => `c${index}`);
    const states = await Promise.all(
      Array.from({ length: 12 }, () => createState(database.pool, { columns: columns.map((name) => ({ name })) })),
    );
    const running = await start('state-direct', limitOf(needs.function), storeRouting, {
      DATABASE_URL: database.url,
      MSG_URL: nats.url,
    });
    try {
      const answered = await postUntilStored(
        running,
        batchesOf(120, (index) => bigMessage(index, states[index % 12]!.stateId, columns)),
      );
      expect(answered).toBe(120);
      expect({ ended: running.ended, kills: running.kills() }, running.log).toEqual({ ended: undefined, kills: 0 });
      expect(running.peakMegabytes()).toBeLessThan(limitOf(needs.function));
    } finally {
      await running.stop();
      await nats.close();
      await database.stop();
    }
  }, 600_000);

  it('the connector holds what five triggers may, with eight requests each under way', async () => {
    const nats = await startTestNats();
    const gateway = await startSlowGateway();
    expect(defaultTriggers).toHaveLength(5);
    const perTrigger = 50;
    await publishForEveryTrigger(nats.url, perTrigger);
    const running = await start('connector', limitOf(needs.connector), storeRouting, {
      GATEWAY_URL: gateway.url,
      MSG_URL: nats.url,
    });
    try {
      await untilOrEnded(running, () => gateway.messages() >= perTrigger * defaultTriggers.length);
      expect({ ended: running.ended, kills: running.kills() }, running.log).toEqual({ ended: undefined, kills: 0 });
      expect(gateway.messages()).toBeGreaterThanOrEqual(perTrigger * defaultTriggers.length);
      expect(gateway.mostAtOnce()).toBeGreaterThan(8);
      expect(running.peakMegabytes()).toBeLessThan(limitOf(needs.connector));
    } finally {
      await running.stop();
      gateway.close();
      await nats.close();
    }
  }, 600_000);
});

/** 430 KB: every third one of short cells, which take most room once they are read, the others of longer texts. */
const bigMessage = (index: number, stateId: string, columns: readonly string[]): string => {
  const padding = index % 3 === 0 ? '' : '-'.repeat(200);
  const rows: string[] = [];
  for (let bytes = 0, row = 0; bytes < 430_000; row += 1) {
    const text = JSON.stringify(
      Object.fromEntries(columns.map((name, column) => [name, `${row * 7_919 + column}${padding}`])),
    );
    rows.push(text);
    bytes += text.length + 1;
  }
  return `{"type":"query_state_direct","state_id":"${stateId}","query_state":[${rows.join(',')}]}`;
};

interface Event {
  readonly id: string;
  readonly payload: string;
}

/** As the connector packs them: what fits into 4 MiB. */
const batchesOf = (count: number, message: (index: number) => string): readonly (readonly Event[])[] => {
  const perBatch = Math.floor(defaultLimits.maxBatchBytes / 430_600);
  const batches: Event[][] = [];
  for (let index = 0; index < count; index += 1) {
    if (index % perBatch === 0) batches.push([]);
    batches.at(-1)?.push({ id: randomUUID(), payload: message(index) });
  }
  return batches;
};

/** Posts all batches, eight at once, each until every message of it is stored; how many were. Ends early if the process does. */
const postUntilStored = async (running: ContainedProcess, batches: readonly (readonly Event[])[]): Promise<number> => {
  const waiting = [...batches];
  let stored = 0;
  let sequence = 0;
  const work = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined && running.ended === undefined; batch = waiting.shift()) {
      const body = encodeBatch(
        batch.map(({ id, payload }) => ({
          attempt: 1,
          message: {
            id,
            stream: 'processor_state_sync',
            sequence: (sequence += 1),
            timestampNs: '1700000000000000000',
            subject: 'processor.state.sync',
            messageType: 'query_state_direct',
            payload: Buffer.from(payload),
            isJson: true,
          },
        })),
      );
      const reply = await fetch(running.url, {
        method: 'POST',
        headers: { 'content-type': cloudEventsBatchType },
        body: Uint8Array.from(body),
      }).then(
        (response) =>
          response.json() as Promise<{
            readonly results?: readonly { readonly id: string; readonly outcome: string }[];
          }>,
        // The process died under it: the caller looks at that.
        () => undefined,
      );
      running.peakMegabytes();
      const done = new Set(reply?.results?.filter(({ outcome }) => outcome === 'ack').map(({ id }) => id));
      stored += done.size;
      const rest = batch.filter(({ id }) => !done.has(id));
      if (rest.length > 0) waiting.push(rest);
    }
  };
  await Promise.all(Array.from({ length: defaultLimits.maxConcurrentRequests }, work));
  return stored;
};

const publishForEveryTrigger = async (url: string, perTrigger: number): Promise<void> => {
  const connection = await connect({ servers: url });
  const manager = await connection.jetstreamManager();
  for (const name of ['sync', 'router']) {
    await manager.streams.add({
      name: `processor_state_${name}`,
      subjects: [`processor.state.${name}`],
      retention: 'workqueue' as never,
      storage: 'file' as never,
    });
  }
  const stream = connection.jetstream();
  for (let index = 0; index < perTrigger; index += 1) {
    for (const { selector, types, key } of defaultTriggers) {
      const payload = JSON.stringify({
        type: types[0],
        [key]: `k${index}`,
        query_state: [{ t: 'x'.repeat(429_800) }],
      });
      await stream.publish(selector.replaceAll('/', '.'), payload);
    }
  }
  await connection.close();
};

/** Answers `ack` a second later, so that requests pile up to what the connector allows itself. */
const startSlowGateway = async () => {
  let messages = 0;
  let atOnce = 0;
  let most = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    most = Math.max(most, (atOnce += 1));
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const ids = (JSON.parse(Buffer.concat(chunks).toString('utf8')) as { readonly id: string }[]).map(({ id }) => id);
      setTimeout(() => {
        atOnce -= 1;
        messages += ids.length;
        response.setHeader(answerMark.name, answerMark.value);
        response.end(JSON.stringify({ results: ids.map((id) => ({ id, outcome: 'ack' })) }));
      }, 1_000);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages: () => messages,
    mostAtOnce: () => most,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

const untilOrEnded = async (running: ContainedProcess, holds: () => boolean): Promise<void> => {
  for (const endMs = Date.now() + 500_000; Date.now() < endMs && running.ended === undefined && !holds();) {
    running.peakMegabytes();
    await sleep(200);
  }
};
