import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../infra/local/free-port.ts';
import { readRouting } from '../../shared/config/read-routing.ts';
import { connectNats } from '../../shared/nats/connect.ts';
import { builtBundles } from '../support/built-bundles.ts';
import { startBundle } from '../support/bundle-process.ts';
import {
  at,
  fieldsOf,
  listOf,
  readYaml,
  repositoryRoot,
  textOf,
  type Fields,
} from '../support/kubernetes-manifests.ts';
import {
  nextReplicas,
  scaledTargetOf,
  startLagScaler,
  type ScaledTarget,
  type Workload,
} from '../support/lag-scaler.ts';
import { createState } from '../support/state-fixture.ts';
import { readStored } from '../support/stored-state.ts';
import { startTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../support/test-nats.ts';
import { until } from '../support/until.ts';

const readScaledObjects = async (): Promise<readonly Fields[]> =>
  (await readYaml('infra/kubernetes/keda/scaled-objects.yaml')).map(fieldsOf);

describe('the scaled objects', () => {
  it('wake each function by the streams of its triggers, and the connector by all of them', async () => {
    const { triggers, routes } = await readRouting(join(repositoryRoot, 'routing.yaml'));
    const streamsOf = (name?: string): readonly string[] => [
      ...new Set(
        triggers
          .filter((trigger) => (name ?? trigger.function) === trigger.function)
          .map(({ selector }) => routes.get(selector)!.name),
      ),
    ];
    const targets = (await readScaledObjects()).map(scaledTargetOf);
    expect(targets.map(({ name }) => name)).toEqual([
      'connector',
      ...new Set(triggers.map((trigger) => trigger.function)),
    ]);
    for (const target of targets) {
      const streams = streamsOf(target.name === 'connector' ? undefined : target.name);
      expect(target.triggers.map(({ stream }) => stream)).toEqual(streams);
      expect(target.triggers.map(({ consumer }) => consumer)).toEqual(streams.map((stream) => `${stream}_sub_1`));
    }
  });

  it('have the fields that KEDA 2.20 reads of a nats-jetstream trigger, and no other', async () => {
    const known = [
      'account',
      'activationLagThreshold',
      'consumer',
      'lagThreshold',
      'natsServerMonitoringEndpoint',
      'stream',
    ];
    for (const body of await readScaledObjects()) {
      for (const trigger of listOf(at(body, 'spec', 'triggers'))) {
        expect(textOf(at(trigger, 'type'))).toBe('nats-jetstream');
        expect(Object.keys(fieldsOf(at(trigger, 'metadata'))).toSorted()).toEqual(known);
      }
    }
  });
});

const target: ScaledTarget = {
  name: 'x',
  triggers: [
    { account: '$G', stream: 'a', consumer: 'a_sub_1', activationLag: 0 },
    { account: '$G', stream: 'b', consumer: 'b_sub_1', activationLag: 0 },
  ],
  pollingMs: 5_000,
  cooldownMs: 120_000,
  fallback: { failures: 3, replicas: 1 },
};

describe('zero or one', () => {
  const lag = fc.option(fc.nat({ max: 3 }), { nil: undefined });
  const lagPair = fc.tuple(lag, lag);

  it('is one while anything waits, and never becomes zero before the cooldown', () => {
    fc.assert(
      fc.property(fc.array(lagPair, { minLength: 1, maxLength: 60 }), (looks) => {
        let replicas: 0 | 1 = 0;
        let memory = { failures: 0, lastActiveMs: -Infinity };
        for (const [index, lags] of looks.entries()) {
          const nowMs = index * target.pollingMs;
          const next = nextReplicas(target, lags, replicas, memory, nowMs);
          const hasWork = lags.some((value) => (value ?? 0) > 0);
          if (hasWork) expect(next.replicas).toBe(1);
          if (next.replicas < replicas) expect(nowMs - memory.lastActiveMs).toBeGreaterThan(target.cooldownMs);
          if (next.replicas > replicas && !hasWork) expect(next.memory.failures).toBeGreaterThan(3);
          ({ replicas, memory } = next);
        }
      }),
    );
  });
});

/** The same objects, looked at more often, so that a test need not wait for minutes. */
const quickened = (scaled: ScaledTarget): ScaledTarget => ({ ...scaled, pollingMs: 100, cooldownMs: 1_000 });

describe('from zero to stored and back', () => {
  let database: TestDatabase;
  let server: TestNatsServer;
  let folder: string;
  let bundles: string;
  let monitorPort: number;

  beforeAll(async () => {
    monitorPort = await freePort();
    folder = await mkdtemp(join(tmpdir(), 'keda-'));
    [database, server, bundles] = await Promise.all([
      startTestDatabase(),
      startTestNats({ monitorPort }),
      builtBundles(),
    ]);
  });
  afterAll(async () => {
    await Promise.all([server?.close(), database?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  it('an idle installation runs nothing; the first message wakes connector and functions, and is stored', async ({
    annotate,
  }) => {
    const ports = {
      connector: await freePort(),
      direct: await freePort(),
      route: await freePort(),
      entry: await freePort(),
    };
    await writeFile(join(folder, 'routing.yaml'), await routingOn(server.url));
    const env = {
      ROUTING_FILE: join(folder, 'routing.yaml'),
      SECRETS_DIR: folder,
      MSG_URL: server.url,
      DATABASE_URL: database.url,
      FUNCTION_TOKEN: 'the token',
    };
    // Calls to state-direct alone are made here. Its address is its own, so a replica that is not there refuses the connection.
    const functionUrl = `http://127.0.0.1:${ports.direct}/{name}`;
    const workload = (name: string, port: number, more: Readonly<Record<string, string>> = {}): Workload => ({
      start: () => startBundle(join(bundles, name, 'index.js'), { ...env, PORT: String(port), ...more }),
    });
    let wokenMs: number | undefined;
    const scaler = startLagScaler({
      monitorUrl: `http://127.0.0.1:${monitorPort}`,
      targets: (await readScaledObjects()).map(scaledTargetOf).map(quickened),
      workloads: {
        connector: workload('connector', ports.connector, { FUNCTION_URL_TEMPLATE: functionUrl }),
        'state-direct': workload('state-direct', ports.direct),
        'state-route': workload('state-route', ports.route),
        'state-entry': workload('state-entry', ports.entry),
      },
      onStart: () => (wokenMs ??= performance.now()),
    });
    const nats = await connectNats({ url: server.url, name: 'test' });
    try {
      const idle = { connector: 0, 'state-direct': 0, 'state-route': 0, 'state-entry': 0 };
      // Nobody has made the consumers yet: the fallback starts the connector, which makes them.
      await until('the connector to make its consumers', () => scaler.replicas()['connector'] === 1);
      await until('everything to be idle', () => JSON.stringify(scaler.replicas()) === JSON.stringify(idle));
      for (const round of [1, 2, 3]) {
        const { stateId } = await createState(database.pool);
        const body = { type: 'query_state_direct', state_id: stateId, query_state: [{ round }] };
        const stored = async (): Promise<boolean> => (await readStored(database.pool, stateId)).count === 1;
        wokenMs = undefined;
        const publishedMs = performance.now();
        await nats.jetstream().publish('processor.state.sync', JSON.stringify(body), { msgID: `round-${round}` });
        await until('the row', stored);
        const storedMs = performance.now();
        await annotate(
          `${Math.round(storedMs - publishedMs)} ms from the message to its row, ${Math.round(storedMs - wokenMs!)} ms of it from the scaler's word`,
        );
        expect(storedMs - publishedMs).toBeGreaterThan(0);
        await until('everything to be idle again', () => JSON.stringify(scaler.replicas()) === JSON.stringify(idle));
      }
    } finally {
      await nats.close();
      await scaler.stop();
    }
  }, 180_000);
});

const routingOn = async (natsUrl: string): Promise<string> => {
  const { routes } = await readRouting(join(repositoryRoot, 'routing.yaml'));
  const own = ['processor/state/sync', 'processor/state/router', 'processor/monitor'].map((selector) =>
    routes.get(selector)!,
  );
  return JSON.stringify({
    messageConfig: { routes: own.map(({ selector, name, subject }) => ({ selector, name, subject, url: natsUrl })) },
  });
};
