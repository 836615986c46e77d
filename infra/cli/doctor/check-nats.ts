import type { FunctionConfig } from '../../../shared/config/function-config.ts';
import { reasonOf } from '../../../shared/message/to-outcome.ts';
import type { NatsConnection } from '../../../shared/nats/connect.ts';
import { judgeServer } from '../../../shared/nats/server-rules.ts';
import { judgeSettings, type SettingsVerdict } from '../../../shared/nats/judge-settings.ts';
import { isPublishSubject } from '../../../shared/routing/subject-token.ts';
import { coversSubject } from '../../../shared/nats/subject-filter.ts';
import { readStreamStatus, type ConsumerStatus, type StreamStatus } from '../../../shared/nats/stream-status.ts';
import type { RouteConfig, Routing } from '../../../shared/routing/routing.ts';
import type { Store } from '../open-store.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** The server, every stream of the routing file, and the consumers of those that the store reads. */
export const checkNats = async (
  store: Store,
  config: FunctionConfig,
  routing: Routing,
): Promise<readonly Finding[]> => {
  let connection: NatsConnection;
  try {
    connection = await (await store.bus()).connection();
  } catch (error) {
    const cause = (error as Error).cause ?? error;
    return [
      fail(
        'nats',
        'nats_unavailable',
        reasonOf(cause),
        'start nats-server -js (npm start has one), or correct MSG_URL and what it needs (shared/nats/README.md)',
      ),
    ];
  }
  const findings = [...checkServer(connection, config)];
  if (findings.some(({ code }) => code === 'jetstream_off')) return findings;
  const read = new Set(routing.triggers.map(({ selector }) => selector));
  for (const route of routing.routes.values()) {
    // Nothing is published to a subject with wildcards: it is another service's.
    if (!route.jetstreamEnabled || !isPublishSubject(route.subject)) continue;
    try {
      findings.push(...(await checkRoute(connection, route, read.has(route.selector))));
    } catch (error) {
      findings.push(
        fail(
          'streams',
          'stream_unreadable',
          `stream ${route.name}: ${reasonOf(error)}`,
          'give the user its rights (infra/kubernetes/nats/users.conf)',
        ),
      );
    }
  }
  const dead = routing.deadLetter.stream;
  const verdict = await judgeSettings(connection, dead).catch(() => undefined);
  findings.push(...(verdict === undefined ? [] : checkSettings(dead, { ...verdict, consumers: [] })));
  return findings;
};

const checkServer = (connection: NatsConnection, config: FunctionConfig): readonly Finding[] => {
  const { version = '', max_payload: maxPayload = 0, jetstream } = connection.info ?? {};
  const { cluster } = (connection.info ?? {}) as { readonly cluster?: string };
  const findings: Finding[] = [
    ok('nats', 'connected', `nats-server ${version}, payloads up to ${maxPayload} bytes`),
    ...judgeServer({ version, cluster }).map(({ code, text, fix }) => warn('nats', code, text, fix)),
  ];
  if (jetstream === false) {
    findings.push(
      fail(
        'nats',
        'jetstream_off',
        'JetStream is switched off',
        'nats-server -js, or jetstream {} in its configuration',
      ),
    );
  }
  // A payload that is no JSON travels to the function as base64.
  const largest = Math.ceil((maxPayload * 4) / 3) + 1_024;
  if (largest > config.maxBodyBytes) {
    findings.push(
      fail(
        'payload',
        'body_limit_too_small',
        `the server takes payloads of ${maxPayload} bytes, a function bodies of ${config.maxBodyBytes}: the largest messages are refused as payload_too_large`,
        `set MAX_BODY_BYTES to at least ${largest}, or max_payload of nats-server lower`,
      ),
    );
  } else {
    findings.push(
      ok(
        'payload',
        'payload_fits',
        `the largest message fits into a function's body limit of ${config.maxBodyBytes} bytes`,
      ),
    );
  }
  return findings;
};

const checkRoute = async (
  connection: NatsConnection,
  route: RouteConfig,
  isRead: boolean,
): Promise<readonly Finding[]> => {
  const stream = await readStreamStatus(connection, route.name);
  if (stream === undefined) {
    // The streams of processors appear with their first message.
    return isRead
      ? [
          fail(
            'streams',
            'stream_missing',
            `there is no stream ${route.name}: messages for ${route.selector} are lost or refused`,
            'state-sync streams create',
          ),
        ]
      : [ok('streams', 'stream_not_yet', `stream ${route.name} is made with its first message`)];
  }
  const findings = [...checkStream(route, isRead, stream)];
  if (!isRead) return findings;
  const verdict = await judgeSettings(connection, route.name);
  findings.push(...(verdict === undefined ? [] : checkSettings(route.name, verdict)));
  findings.push(...stream.consumers.flatMap((consumer) => checkConsumer(route, stream, consumer)));
  return findings;
};

/** These have findings of their own. */
const isTold = (reason: string): boolean => /^(sealed|no_ack|deliver_subject|pause_until|max_deliver) /.test(reason);

/** What the settings of a stream and its durables cost, and how many copies there are. */
const checkSettings = (name: string, verdict: SettingsVerdict): readonly Finding[] => {
  const untold = (reasons: readonly string[]): readonly string[] => reasons.filter((reason) => !isTold(reason));
  return [
    ...(verdict.isClustered && verdict.replicas < 3
      ? [
          warn(
            'streams',
            'too_few_replicas',
            `stream ${name} has ${verdict.replicas} ${verdict.replicas === 1 ? 'copy' : 'copies'} on a cluster: what one server loses is lost`,
            `nats stream edit ${name} --replicas=3`,
          ),
        ]
      : []),
    ...untold(verdict.warnings).map((reason) =>
      warn('streams', 'stream_setting', `stream ${name}: ${reason}`, `nats stream edit ${name}`),
    ),
    // Others may read a stream that keeps its messages; ours begin with its name.
    ...verdict.consumers
      .filter((consumer) => consumer.name.startsWith(`${name}_`))
      .flatMap((consumer) => [
        ...untold(consumer.refused).map((reason) =>
          fail(
            'consumers',
            'consumer_unusable',
            `consumer ${consumer.name} of ${name} cannot be read: ${reason}`,
            `stop its reader, then: nats consumer rm ${name} ${consumer.name}`,
          ),
        ),
        ...untold(consumer.warnings).map((reason) =>
          warn(
            'consumers',
            'consumer_setting',
            `consumer ${consumer.name} of ${name}: ${reason}`,
            `nats consumer edit ${name} ${consumer.name}`,
          ),
        ),
      ]),
  ];
};

const checkStream = (route: RouteConfig, isRead: boolean, stream: StreamStatus): readonly Finding[] => {
  const { name } = route;
  const findings: Finding[] = [];
  if (!stream.subjects.some((held) => coversSubject(held, route.subject))) {
    findings.push(
      fail(
        'streams',
        'subject_not_held',
        `stream ${name} does not hold the subject ${route.subject}`,
        'state-sync streams create',
      ),
    );
  }
  if (stream.isWithoutAck)
    findings.push(fail('streams', 'no_acks', `stream ${name} confirms nothing`, `nats stream edit ${name} --ack`));
  if (stream.isSealed)
    findings.push(
      fail(
        'streams',
        'sealed',
        `stream ${name} is sealed: it takes no messages`,
        `nats stream rm ${name} && state-sync streams create`,
      ),
    );
  const full =
    (stream.maxBytes !== undefined && stream.bytes >= stream.maxBytes * 0.95) ||
    (stream.maxMessages !== undefined && stream.messages >= stream.maxMessages);
  if (full) {
    findings.push(
      stream.discard === 'new'
        ? fail(
            'streams',
            'stream_full',
            `stream ${name} is full: it refuses messages`,
            `nats stream edit ${name} --max-bytes=... (now ${stream.maxBytes ?? 'none'})`,
          )
        : warn(
            'streams',
            'stream_drops',
            `stream ${name} is full: it drops its oldest messages`,
            `nats stream edit ${name} --max-bytes=... --discard=new`,
          ),
    );
  }
  if (isRead && stream.consumers.length === 0) {
    findings.push(
      warn(
        'consumers',
        'no_consumer',
        `stream ${name} has no consumer: its messages wait`,
        'start the connector: it makes its consumer',
      ),
    );
  }
  return findings.length > 0
    ? findings
    : [ok('streams', 'stream_found', `stream ${name}: ${stream.messages} messages, ${stream.retention}`)];
};

const checkConsumer = (route: RouteConfig, stream: StreamStatus, consumer: ConsumerStatus): readonly Finding[] => {
  const name = `consumer ${consumer.name} of ${route.name}`;
  const findings: Finding[] = [];
  if (consumer.isPaused) {
    findings.push(
      fail(
        'consumers',
        'consumer_paused',
        `${name} is paused: ${consumer.pending} messages wait`,
        `nats consumer resume ${route.name} ${consumer.name}`,
      ),
    );
  } else if (consumer.isPush) {
    findings.push(
      fail(
        'consumers',
        'consumer_is_push',
        `${name} is a push consumer: the connector cannot read it`,
        `stop its reader, then: nats consumer rm ${route.name} ${consumer.name}`,
      ),
    );
  } else if (consumer.ackPending >= consumer.maxAckPending) {
    // Under load this is so all the time: whether anything moves is the question of the health check.
    findings.push(
      warn(
        'consumers',
        'consumer_is_full',
        `${name} has ${consumer.ackPending} messages in flight, its limit: it gives no more until some are settled`,
        'nothing, while messages are stored; else see the finding of the health check',
      ),
    );
  }
  if (consumer.maxDeliver !== undefined) {
    findings.push(
      warn(
        'consumers',
        'max_deliver_is_set',
        `${name} gives up after ${consumer.maxDeliver} deliveries: such messages stay in the stream for ever`,
        `nats consumer edit ${route.name} ${consumer.name} --max-deliver=-1`,
      ),
    );
  }
  return findings.length > 0 || stream.messages === 0
    ? findings
    : [ok('consumers', 'consumer_is_read', `${name}: ${consumer.pending} wait, ${consumer.ackPending} in flight`)];
};
