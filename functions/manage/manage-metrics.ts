/** What the operator's function counts. */
export interface ManageMetrics {
  command(result: 'ok' | 'failed'): void;
  /** Prometheus text format 0.0.4. */
  text(): string;
}

export const createManageMetrics = (functionName: string): ManageMetrics => {
  const counts = { ok: 0, failed: 0 };
  return {
    command: (result) => {
      counts[result] += 1;
    },
    text: () =>
      [
        '# HELP state_sync_manage_commands_total Management commands by result.',
        '# TYPE state_sync_manage_commands_total counter',
        ...Object.entries(counts).map(
          ([result, count]) =>
            `state_sync_manage_commands_total{function="${functionName}",result="${result}"} ${count}`,
        ),
        '',
      ].join('\n'),
  };
};
