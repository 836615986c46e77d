import { describe, expect, it } from 'vitest';

import { parseRouting } from '../../../shared/routing/parse-routing.ts';
import { RoutingError } from '../../../shared/routing/routing-error.ts';

const own = `messageConfig:
  routes:
    - { selector: processor/state/sync, name: sync, url: "nats://n:4222", subject: processor.state.sync }
    - { selector: processor/state/router, name: router, url: "nats://n:4222", subject: processor.state.router }
`;
const read = (more: string, options = {}) => parseRouting(own + more, options);

const faultsOf = (text: string, options = {}): readonly string[] => {
  try {
    parseRouting(text, options);
  } catch (error) {
    if (error instanceof RoutingError) return error.faults;
    throw error;
  }
  return [];
};

describe('a route of another service that we do not need', () => {
  it.each([
    [
      'has no name: it is a plain subject, as the services in Go take it',
      '{ selector: x, url: "nats://n", subject: a.b }',
      'routes[2].name is missing: published to without JetStream (line 5)',
    ],
    [
      'has a name that cannot be a stream’s',
      '{ selector: x, name: "a b", url: "nats://n", subject: a.b }',
      'routes[2].name cannot name a stream: published to without JetStream (line 5)',
    ],
    [
      'has a wildcard subject',
      '{ selector: x, name: str, url: "nats://n", subject: "a.>" }',
      'routes[2].subject is not a subject that can be published to: nothing is published there (line 5)',
    ],
    [
      'has no subject',
      '{ selector: x, name: str, url: "nats://n" }',
      'routes[2].subject is missing: nothing is published there (line 5)',
    ],
    [
      'names a Pulsar broker',
      '{ selector: x, name: str, url: "pulsar://p:6650", subject: a.b }',
      'routes[2].url has the scheme pulsar, not nats or tls: nothing is published there (line 5)',
    ],
    [
      'names a WebSocket',
      '{ selector: x, name: str, url: "wss://n", subject: a.b }',
      'routes[2].url must not be a WebSocket URL',
    ],
    [
      'has a mode',
      '{ selector: x, name: str, url: "nats://n", subject: a.b, mode: request-reply }',
      'routes[2].mode is not used here (line 5)',
    ],
    [
      'has a mirror',
      '{ selector: x, name: str, url: "nats://n", subject: a.b, mirror: { name: m } }',
      'routes[2].mirror is not used here (line 5)',
    ],
    [
      'has a max_ack_pending',
      '{ selector: x, name: str, url: "nats://n", subject: a.b, max_ack_pending: 5 }',
      'routes[2].max_ack_pending is not used here (line 5)',
    ],
    [
      'has an odd batch size',
      '{ selector: x, name: str, url: "nats://n", subject: a.b, batch_size: lots }',
      'routes[2].batch_size must be a whole number of at least 1: it is not used here (line 5)',
    ],
    [
      'has an odd ack wait',
      '{ selector: x, name: str, url: "nats://n", subject: a.b, ack_wait: long }',
      'routes[2].ack_wait must be a whole number of at least 1: its default is used (line 5)',
    ],
    [
      'has an odd flag',
      '{ selector: x, name: str, url: "nats://n", subject: a.b, jetstream_enabled: maybe }',
      'routes[2].jetstream_enabled must be true or false: its default is used (line 5)',
    ],
    [
      'has no selector',
      '{ name: str, url: "nats://n", subject: a.b }',
      'routes[2].selector is missing: the route is not used (line 5)',
    ],
    ['is no mapping', 'just text', 'routes[2] is not a mapping: it is not used (line 5)'],
    [
      'has a selector that is there already',
      '{ selector: processor/state/sync, name: sync, url: "nats://n:4222", subject: processor.state.sync }',
      'routes[2].selector replaces messageConfig.routes[0], which has the same selector (line 5)',
    ],
  ])('that %s', (_what, route, warning) => {
    const { warnings, routes } = read(`    - ${route}\n`);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(warning);
    expect(routes.get('processor/state/sync')?.jetstreamEnabled).toBe(true);
  });

  it('is published to without JetStream if it has no name', () => {
    const { routes } = read('    - { selector: x, url: "nats://n", subject: a.b }\n');
    expect(routes.get('x')).toMatchObject({ jetstreamEnabled: false, subject: 'a.b' });
  });

  it('costs one line for a field that every route has', () => {
    const route = '    - { selector: S, name: str, url: "nats://n", subject: a.b, mode: pull }\n';
    const { warnings } = read(['a', 'b', 'c'].map((selector) => route.replace('S', selector)).join(''));
    expect(warnings).toEqual(['messageConfig.routes[2].mode is not used here, as in 2 more (line 5)']);
  });
});

describe('a route that we need', () => {
  it.each([
    [
      'name',
      /routes\[0\]\.name is missing \(line 3\)/,
      '{ selector: processor/state/sync, url: "nats://n", subject: a }',
    ],
    [
      'url',
      /routes\[0\]\.url has the scheme pulsar/,
      '{ selector: processor/state/sync, name: str, url: "pulsar://n", subject: a }',
    ],
    [
      'subject',
      /routes\[0\]\.subject is not a subject/,
      '{ selector: processor/state/sync, name: str, url: "nats://n", subject: "a.*" }',
    ],
    [
      'ack_wait',
      /routes\[0\]\.ack_wait must be/,
      '{ selector: processor/state/sync, name: str, url: "nats://n", subject: a, ack_wait: -1 }',
    ],
  ])('stops the start with its place when its %s cannot be used', (_key, fault, route) => {
    expect(faultsOf(`messageConfig:\n  routes:\n    - ${route}\n`)[0]).toMatch(fault);
  });

  it('needs no usable url when a setting names the server', () => {
    const route = '{ selector: processor/state/sync, name: str, url: "pulsar://n", subject: a }';
    expect(faultsOf(`messageConfig:\n  routes:\n    - ${route}\n`, { hasServer: true })).toEqual([]);
  });

  it('needs no name to be told of what was given up', () => {
    const { routes, warnings } = read('    - { selector: processor/monitor, url: "nats://n", subject: a.b }\n');
    expect(routes.get('processor/monitor')?.jetstreamEnabled).toBe(false);
    expect(warnings).toHaveLength(1);
  });
});

describe('a routing file as a whole', () => {
  it.each([
    ['messageConfig:\n  topic_routes:\n    - { selector: a }\n', 'messageConfig.topic_routes is the format for Pulsar'],
    ['topic_routes: [{ selector: a }]\n', 'topic_routes is the format for Pulsar'],
    ['messageConfig:\n  root_route: { topic: t }\n', 'messageConfig.root_route is the format for Pulsar'],
  ])('of the Pulsar days is named as that: %j', (text, fault) => {
    expect(faultsOf(text)[0]).toContain(fault);
  });

  it.each([
    ['begins with a byte order mark', (text: string) => `\uFEFF${text}`],
    ['has the line ends of Windows', (text: string) => text.replaceAll('\n', '\r\n')],
    ['begins with a document marker', (text: string) => `---\n${text}`],
  ])('is read when it %s', (_what, change) => {
    expect(parseRouting(change(own)).routes.size).toBe(2);
  });
});

describe('the section streams', () => {
  it('says how streams are made, for one and for all', () => {
    const { streams } = read(`streams:
  '*': { num_replicas: 3, max_bytes: 1GiB }
  sync: { max_bytes: "10 GB", max_age: 7d, max_msgs: 1000, max_msg_size: 512KiB, duplicate_window: 10m, discard: new, storage: file, compression: s2, placement: { cluster: c1, tags: [ssd] } }
`);
    expect(streams.get('*')).toEqual({ replicas: 3, maxBytes: 1_073_741_824 });
    expect(streams.get('sync')).toEqual({
      maxBytes: 10_000_000_000,
      maxAgeSeconds: 604_800,
      maxMessages: 1_000,
      maxMessageBytes: 524_288,
      duplicateWindowSeconds: 600,
      discard: 'new',
      storage: 'file',
      compression: 's2',
      placementCluster: 'c1',
      placementTags: ['ssd'],
    });
  });

  it.each([
    ['{ sync: { max_bytes: much } }', 'streams.sync.max_bytes must be a size such as 10GiB'],
    ['{ sync: { max_age: soon } }', 'streams.sync.max_age must be a time'],
    ['{ sync: { num_replicas: 9 } }', 'streams.sync.num_replicas must be a whole number from 1 to 5'],
    ['{ sync: { retention: limits } }', 'streams.sync.retention is not one of max_bytes'],
    ['{ sync: { discard: some } }', 'streams.sync.discard must be old or new'],
    ['{ sync: { placement: here } }', 'streams.sync.placement must be a mapping'],
    ['[sync]', 'streams must be a mapping of stream names'],
  ])('refuses %s by its place', (section, fault) => {
    expect(faultsOf(`${own}streams: ${section}\n`)[0]).toContain(fault);
  });
});
