import type { Health, HealthLevel } from '../../shared/operate/health/assess-health.ts';

/** What the operator's function counts. */
export interface ManageMetrics {
  command(result: 'ok' | 'failed'): void;
  /** Prometheus text format 0.0.4, with the health at this moment. */
  text(health: Health): string;
}

export const createManageMetrics = (functionName: string): ManageMetrics => {
  const counts = { ok: 0, failed: 0 };
  const own = `function="${functionName}"`;
  return {
    command: (result) => {
      counts[result] += 1;
    },
    text: ({ states }) =>
      [
        '# HELP state_sync_manage_commands_total Management commands by result.',
        '# TYPE state_sync_manage_commands_total counter',
        ...Object.entries(counts).map(
          ([result, count]) => `state_sync_manage_commands_total{${own},result="${result}"} ${count}`,
        ),
        '# HELP state_sync_health How each part of the store is: 0 good, 1 warning, 2 bad.',
        '# TYPE state_sync_health gauge',
        ...states.map(
          ({ part, name, code, level }) =>
            `state_sync_health{part="${part}",name="${escaped(name)}",code="${escaped(code)}"} ${values[level]}`,
        ),
        '',
      ].join('\n'),
  };
};

const values: Readonly<Record<HealthLevel, number>> = { good: 0, warn: 1, bad: 2 };

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
