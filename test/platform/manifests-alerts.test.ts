import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findOnPath } from '../../infra/local/nats-binary.ts';
import { at, fieldsOf, listOf, textOf, type Json } from '../support/kubernetes-manifests.ts';
import { loadPlatform, readText } from '../support/platform.ts';

const run = promisify(execFile);
const promtool = await findOnPath('promtool', process.env['PATH'] ?? '');

const health = (part: string, values: string) => ({
  series: `state_sync_health{part="${part}",name="n",code="c"}`,
  values,
});
const lag = { series: 'state_sync_lag_messages{stream="s",consumer="c"}', values: '100x40' };
const good = health('nats', '0x40');
const deliveries = (values: string) => ({ series: 'state_sync_deliveries_total{function="f"}', values });
const outcome = (kind: string, values: string) => ({
  series: `state_sync_outcomes_total{function="f",outcome="${kind}",code=""}`,
  values,
});
const bucket = (bound: string, values: string) => ({
  series: `state_sync_duration_seconds_bucket{function="f",le="${bound}"}`,
  values,
});

/** Samples a minute apart -> the alerts that fire after 35 minutes. */
const cases: readonly {
  readonly what: string;
  readonly series: readonly object[];
  readonly firing: readonly string[];
}[] = [
  { what: 'a healthy system', series: [lag, good, deliveries('0+60x40'), outcome('ack', '0+60x40')], firing: [] },
  { what: 'no connector', series: [good, deliveries('0+60x40')], firing: ['StateSyncNotConsuming'] },
  { what: 'nobody that says how the store is', series: [lag], firing: ['StateSyncHealthUnknown'] },
  {
    what: 'a durable that nobody reads',
    series: [lag, good, health('durable', '0x10 2x30')],
    firing: ['StateSyncUnhealthy'],
  },
  { what: 'a bad moment', series: [lag, good, health('database', '0x30 2 0x9')], firing: [] },
  {
    what: 'messages that are tried again',
    series: [lag, good, health('durable', '1x40')],
    firing: ['StateSyncDegraded'],
  },
  { what: 'dead letters of long ago', series: [lag, good, health('dead letters', '1x40')], firing: [] },
  {
    what: 'a backlog that grows',
    series: [{ ...lag, values: '20000+100x40' }, good, deliveries('0+60x40')],
    firing: ['StateSyncBacklog'],
  },
  {
    what: 'dead letters',
    series: [
      lag,
      good,
      deliveries('0+60x40'),
      { series: 'state_sync_dead_letters_total{code="c"}', values: '0x30 3x10' },
    ],
    firing: ['StateSyncDeadLetters'],
  },
  {
    what: 'slow requests',
    series: [
      lag,
      good,
      deliveries('0+60x40'),
      bucket('10', '0x40'),
      bucket('30', '0+60x40'),
      bucket('+Inf', '0+60x40'),
    ],
    firing: ['StateSyncSlow'],
  },
];

const note = promtool === undefined ? ' (skipped: promtool is not installed)' : '';
describe.skipIf(promtool === undefined)(`the alerts${note}`, () => {
  let folder: string;
  let groups: Json;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'state-sync-alerts-'));
    groups = at((await loadPlatform()).named('PrometheusRule', 'state-sync').body, 'spec', 'groups') ?? null;
    await writeFile(join(folder, 'rules.yml'), JSON.stringify({ groups }));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const rules = (): readonly Json[] => listOf(groups).flatMap((group) => listOf(at(group, 'rules')));

  it('and the panels of the dashboard are expressions that Prometheus understands', async () => {
    const dashboard = fieldsOf(JSON.parse(await readText('infra/kubernetes/monitoring/dashboard.json')) as Json);
    const expressions = listOf(dashboard['panels'])
      .flatMap((panel) => listOf(at(panel, 'targets')))
      .map((target) => textOf(at(target, 'expr')).replaceAll('$__rate_interval', '5m'));
    expect(expressions.length).toBeGreaterThanOrEqual(10);
    const panels = expressions.map((expr, index) => ({ record: `panel:${index}`, expr }));
    await writeFile(join(folder, 'panels.yml'), JSON.stringify({ groups: [{ name: 'panels', rules: panels }] }));
    const { stdout } = await run(promtool ?? '', ['check', 'rules', 'rules.yml', 'panels.yml'], { cwd: folder });
    expect(stdout).toContain(`SUCCESS: ${expressions.length} rules found`);
  });

  it.each(cases)('fire on $what: $firing', async ({ series, firing }) => {
    const alerts = rules().map((rule) => textOf(at(rule, 'alert')));
    expect(alerts).toEqual(expect.arrayContaining([...firing]));
    // Whether an alert fires is all that is asked here; its labels and texts are compared by leaving them out of the rule.
    const bare = {
      groups: [{ name: 'bare', rules: rules().map((rule) => ({ ...fieldsOf(rule), labels: {}, annotations: {} })) }],
    };
    await writeFile(join(folder, 'bare.yml'), JSON.stringify(bare));
    const expected = alerts.map((alert) => ({
      expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
      eval_time: '35m',
      exp_samples: [{ labels: '{}', value: firing.includes(alert) ? 1 : 0 }],
    }));
    const tests = [{ interval: '1m', input_series: series, promql_expr_test: expected }];
    await writeFile(
      join(folder, 'test.yml'),
      JSON.stringify({ rule_files: ['bare.yml'], evaluation_interval: '1m', tests }),
    );
    await run(promtool ?? '', ['test', 'rules', 'test.yml'], { cwd: folder });
  });
});
