import type { CliCommand } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';
import type { Finding } from '../doctor/finding.ts';
import { runDoctor } from '../doctor/run-doctor.ts';
import { flagValue } from '../values.ts';

export const doctor: CliCommand = {
  name: 'doctor',
  summary: 'Find out why messages are not stored; each finding comes with what mends it',
  usage: '[--quiet]',
  options: { quiet: { type: 'boolean', short: 'q', help: 'Only what is not right' } },
  examples: ['state-sync doctor', 'state-sync doctor --json | jq \'.findings[] | select(.level != "ok")\''],
  positionals: { min: 0, max: 0 },
  run: async ({ store, io, output, values }) => {
    const findings = await runDoctor(store, io.nowMs);
    const failures = findings.filter(({ level }) => level === 'fail').length;
    await output.result({ ok: failures === 0, findings }, () => lines(findings, flagValue(values, 'quiet')));
    return failures === 0 ? exitCodes.ok : exitCodes.failed;
  },
};

const marks = { ok: '✓', warn: '!', fail: '✗' } as const;

const lines = (findings: readonly Finding[], isQuiet: boolean): readonly string[] => {
  const shown = isQuiet ? findings.filter(({ level }) => level !== 'ok') : findings;
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const width = Math.max(...findings.map(({ check }) => check.length));
  return [
    ...shown.flatMap(({ check, level, code, message, fix }) => [
      `${marks[level]} ${check.padEnd(width)}  ${message}${level === 'ok' ? '' : ` (${code})`}`,
      ...(fix === undefined ? [] : [`  ${' '.repeat(width)}  → ${fix}`]),
    ]),
    '',
    `${count('fail')} failures, ${count('warn')} warnings, ${count('ok')} right`,
  ];
};
