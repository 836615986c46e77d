import { describe, expect, it } from 'vitest';
import { runStateSync } from '../../support/run-state-sync.ts';

describe('a connection string that cannot be used', () => {
  it.each([
    ['postgresql://u:hunter2@h/d?sslmode=Require', 'sslmode=Require'],
    ['postgresql://u:hunter2@h/d?connection_limit=1', 'connection_limit'],
    ['postgresql://u:hunter2@h/d?gssencmode=require', 'gssencmode=require'],
    ['postgresql://u:hunter2/more@h/d', 'write %2F'],
    ['service=gone', 'the service gone'],
  ])('%s ends a command with the exit code of a usage error, by name and without the password', async (url, name) => {
    const env = { DATABASE_URL: url, MSG_URL: 'nats://127.0.0.1:1' };
    const run = await runStateSync(['migrate'], env);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(name);
    expect(run.stderr).not.toContain('hunter2');
    const doctor = await runStateSync(['doctor'], env);
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toContain(name);
    expect(doctor.stdout + doctor.stderr).not.toContain('hunter2');
  });
});
