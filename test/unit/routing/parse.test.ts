import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultDeadLetter, defaultLimits, defaultTriggers } from '../../../shared/routing/default-triggers.ts';
import { parseRouting } from '../../../shared/routing/parse-routing.ts';
import { readRouting } from '../../../shared/config/read-routing.ts';
import { RoutingError } from '../../../shared/routing/routing-error.ts';

const sync = `
    - selector: processor/state/sync
      name: processor_state_sync
      url: nats://localhost:4222
      subject: processor.state.sync
`;
const file = (routes: string, rest = ''): string => `messageConfig:\n  routes:\n${routes}\n${rest}`;

const faultsOf = (text: string): readonly string[] => {
  try {
    parseRouting(text);
  } catch (error) {
    if (error instanceof RoutingError) return error.faults;
    throw error;
  }
  return [];
};

describe('the routing file', () => {
  it('fills in the defaults of the ecosystem if a route names only what it must', () => {
    const { routes, triggers, deadLetter } = parseRouting(file(sync));
    expect([...routes.values()]).toEqual([
      {
        selector: 'processor/state/sync',
        name: 'processor_state_sync',
        url: 'nats://localhost:4222',
        subject: 'processor.state.sync',
        queue: null,
        jetstreamEnabled: true,
        ackWaitSeconds: 90,
        batchSize: 1,
        concurrentEnabled: false,
        concurrentMaxWorkers: 10,
        concurrentPriorityEnabled: false,
        concurrentMaxWorkersHigh: 5,
      },
    ]);
    expect(triggers).toBe(defaultTriggers);
    expect(deadLetter).toBe(defaultDeadLetter);
  });

  it('reads every key of a route and ignores those it does not know', () => {
    const [route] = parseRouting(
      file(`${sync}      queue: q
      jetstream_enabled: false
      ack_wait: 30
      batch_size: 7
      concurrent_enabled: yes
      concurrent_max_workers: "3"
      concurrent_priority_enabled: "True"
      concurrent_max_workers_high: 2
      max_ack_pending: 9
      mode: pull
`),
    ).routes.values();
    expect(route).toMatchObject({
      queue: 'q',
      jetstreamEnabled: false,
      ackWaitSeconds: 30,
      batchSize: 7,
      concurrentEnabled: true,
      concurrentMaxWorkers: 3,
      concurrentPriorityEnabled: true,
      concurrentMaxWorkersHigh: 2,
    });
    expect(route).not.toHaveProperty('mode');
  });

  it('takes a null for an absent key', () => {
    const [route] = parseRouting(file(`${sync}      queue: null\n      batch_size: null\n`)).routes.values();
    expect(route).toMatchObject({ queue: null, batchSize: 1 });
  });

  it('lets a later route with the same selector replace the earlier one', () => {
    const { routes } = parseRouting(file(sync + sync.replace('processor.state.sync', 'other.subject')));
    expect([...routes.values()].map(({ subject }) => subject)).toEqual(['other.subject']);
  });

  it('lets a repeated key win over the earlier one', () => {
    const [route] = parseRouting(file(`${sync}      subject: other.subject\n`)).routes.values();
    expect(route?.subject).toBe('other.subject');
  });

  it('allows a placeholder in the subject of a route without JetStream', () => {
    const text = file(
      `    - { selector: s, name: "any name", url: u, subject: "a.{state_id}.>", jetstream_enabled: false }`,
    );
    expect(faultsOf(text)).toEqual([]);
  });

  it('names all faults at once, each with its place', () => {
    const text = file(
      `    - selector: processor/state/sync
      url: u
      subject: a..b
      batch_size: 0
      jetstream_enabled: maybe
    - just text
    - selector: b
      name: a name
      url: [1]
      subject: b
`,
      `triggers:
  - { selector: nowhere, function: State Direct, types: [], limits: { lingerMs: -1, maxAttempts: many } }
  - { selector: b, function: f, types: [t1, t2], key: k }
  - { selector: b, function: g, types: t2, key: k }
deadLetter: { stream: "a b", subject: "a.*" }
`,
    );
    expect(faultsOf(text)).toEqual([
      'messageConfig.routes[0].name is missing (line 3)',
      'messageConfig.routes[0].jetstream_enabled must be true or false (line 7)',
      'messageConfig.routes[0].subject is not a subject that can be published to (line 5)',
      'messageConfig.routes[2].url must be text (line 11)',
      'messageConfig.routes[2].name cannot name a stream (line 10)',
      'triggers[0].types must be a list of message types (line 15)',
      'triggers[0].key is missing (line 15)',
      'triggers[0].limits.lingerMs must be a whole number of at least 0 (line 15)',
      'triggers[0].limits.maxAttempts must be a whole number of at least 1 (line 15)',
      'triggers[0].function must be lower-case letters, digits and dashes (line 15)',
      'triggers[0].selector names no route (line 15)',
      'triggers[2].types has t2 of this selector a second time (line 17)',
      'deadLetter.stream cannot name a stream (line 18)',
      'deadLetter.subject is not a subject that can be published to (line 18)',
    ]);
  });

  it.each([
    ['', 'must be a mapping with messageConfig.routes'],
    ['- a', 'must be a mapping with messageConfig.routes'],
    ['messageConfig: {}', 'messageConfig.routes must be a list'],
    ['a: [', 'is not YAML'],
    ['a: *missing', 'is not YAML'],
  ])('refuses %j as a whole', (text, fault) => {
    expect(faultsOf(text)[0]).toContain(fault);
  });

  it('reads triggers with their own limits, the others by default', () => {
    const { triggers, deadLetter } = parseRouting(
      file(
        sync,
        `triggers:
  - selector: processor/state/sync
    function: state-route
    types: [query_state_route]
    key: route_id
    limits: { lingerMs: 0, maxBatchMessages: 10 }
deadLetter: { subject: dead }
`,
      ),
    );
    expect(triggers).toEqual([
      {
        selector: 'processor/state/sync',
        function: 'state-route',
        types: ['query_state_route'],
        key: 'route_id',
        limits: { ...defaultLimits, lingerMs: 0, maxBatchMessages: 10 },
      },
    ]);
    expect(deadLetter).toEqual({ stream: 'state_sync_dead_letter', subject: 'dead' });
  });

  it('refuses a trigger on a route without JetStream (G-40)', () => {
    const text = file(
      `${sync}      jetstream_enabled: false\n`,
      'triggers: [{ selector: processor/state/sync, function: f, types: [t], key: k }]',
    );
    expect(faultsOf(text)).toEqual(['triggers[0].selector names a route without JetStream (line 10)']);
  });

  it('says which file cannot be read', async () => {
    await expect(readRouting('/nowhere/routing.yaml')).rejects.toThrow('cannot be read: /nowhere/routing.yaml');
  });
});

describe('the routing file that is shipped', () => {
  const text = readFileSync(new URL('../../../routing.yaml', import.meta.url), 'utf8');

  it('has the selectors of the ecosystem with their streams and subjects', () => {
    const { routes } = parseRouting(text);
    const shown = [...routes.values()].map(({ selector, name, subject }) => [selector, name, subject]);
    expect(shown).toEqual(
      expect.arrayContaining([
        ['processor/state/sync', 'processor_state_sync', 'processor.state.sync'],
        ['processor/state/router', 'processor_state_router', 'processor.state.router'],
        ['processor/monitor', 'processor_monitor', 'processor.monitor'],
        ['processor/usage', 'processor_usage', 'processor.usage'],
      ]),
    );
    expect(routes.get('processor/state')?.jetstreamEnabled).toBe(false);
  });

  it('shows in its comments exactly the defaults', () => {
    const lines = text.slice(text.indexOf('# triggers:')).split('\n');
    const shown = parseRouting(
      text.slice(0, text.indexOf('# triggers:')) + lines.map((line) => line.replace(/^# ?/, '')).join('\n'),
    );
    expect(shown.triggers).toEqual(defaultTriggers);
    expect(shown.deadLetter).toEqual(defaultDeadLetter);
  });
});
