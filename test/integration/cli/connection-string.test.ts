import { describe, expect, it } from 'vitest';
import { runStateSync } from '../../support/run-state-sync.ts';

describe('a connection string that cannot be used', () => {
  it.each([
    ['postgresql://u:secret@h/d?sslmode=Require', 'sslmode=Require'],
    ['postgresql://u:secret@h/d?connection_limit=1', 'connection_limit'],
    ['postgresql://u:secret@h/d?gssencmode=require', 'gssencmode=require'],
    ['postgresql://u:secret/more@h/d', 'write %2F'],
    ['service=gone', 'the service gone'],
  ])(
    '%s ends every command with the exit code of a usage error, by name and without the password',
    async (url, name) => {
      for (const command of [['migrate'], ['state', 'show', 'x']]) {
        const run = await runStateSync(command, { DATABASE_URL: url, MSG_URL: 'nats://127.0.0.1:1' });
        expect(run.exitCode).toBe(2);
        expect(run.stderr).toContain(name);
        expect(run.stderr).not.toContain('secret');
      }
    },
  );
});
