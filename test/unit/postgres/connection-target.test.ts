import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../shared/config/settings.ts';
import { resolveTarget, serverLabel, type ConnectionTarget } from '../../../shared/postgres/connection-target.ts';
import { findPassword } from '../../../shared/postgres/password-file.ts';
import { parseService } from '../../../shared/postgres/service-file.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'libpq-'));
  mkdirSync(join(home, '.postgresql'));
  writeFileSync(join(home, '.postgresql', 'postgresql.crt'), '');
  writeFileSync(join(home, '.postgresql', 'postgresql.key'), '');
  writeFileSync(join(home, '.pgpass'), 'h:5432:d:u:from file\n*:*:*:u:for anybody\n', { mode: 0o600 });
  writeFileSync(
    join(home, '.pg_service.conf'),
    '# ours\n[other]\nhost=x\n[prod]\nhost=a,b\n dbname = ism\nsslmode=verify-full\n\n[broken]\nsslmode=no\n',
  );
});
afterAll(() => rmSync(home, { recursive: true }));

const refusal = (text: string, env: Record<string, string> = {}): string => {
  try {
    resolveTarget(text, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('accepted');
};
const labels = ({ servers }: ConnectionTarget): readonly string[] => servers.map(serverLabel);

describe('what a connection string leaves open', () => {
  it('comes from its service, then from the environment, then from libpq’s defaults', () => {
    const env = {
      HOME: home,
      PGSERVICE: 'prod',
      PGUSER: 'me',
      PGDATABASE: 'unused',
      PGSSLMODE: 'require',
      PGPORT: '5433',
    };
    const target = resolveTarget('postgresql://?application_name=x', env);
    expect(labels(target)).toEqual(['a:5433', 'b:5433']);
    expect(target).toMatchObject({ user: 'me', database: 'ism', applicationName: 'x', tls: { mode: 'verify-full' } });
  });

  it('is not taken from a host that the string does not mean', () => {
    expect(labels(resolveTarget('postgresql://h/d', { PGHOST: 'elsewhere', PGHOSTADDR: '10.0.0.1' }))).toEqual([
      'h:5432',
    ]);
  });

  it('names the service that is missing, and the fault of one that is there', () => {
    expect(refusal('service=gone', { HOME: home })).toContain('names the service gone, which is in none of');
    expect(refusal('service=broken', { HOME: home })).toContain('the service broken, which has sslmode=no');
    expect(refusal('service=x servicefile=/does/not/exist')).toContain(
      '/does/not/exist, which cannot be read (ENOENT)',
    );
    expect(refusal('host=h', { PGSSLMODE: 'no' })).toContain('the environment of DATABASE_URL (PG...) has sslmode=no');
  });

  it('finds the password in a password file, and refuses one that everybody can read', () => {
    const passwordOf = (text: string): string | undefined => {
      const target = resolveTarget(text, { HOME: home });
      return target.passwordFor(target.servers[0]!);
    };
    expect(passwordOf('postgresql://u@h/d')).toBe('from file');
    expect(passwordOf('postgresql://u@h:5433/d')).toBe('for anybody');
    expect(passwordOf('postgresql://other@h/d')).toBeUndefined();
    expect(passwordOf('postgresql://u:given@h/d')).toBe('given');
    chmodSync(join(home, '.pgpass'), 0o644);
    expect(() => passwordOf('postgresql://u@h/d')).toThrow(/everybody can read .*chmod 600/);
    chmodSync(join(home, '.pgpass'), 0o600);
    expect(() => passwordOf('postgresql://u@h/d?passfile=/does/not/exist')).toThrow(/cannot be read \(ENOENT\)/);
  });

  it('uses the certificate in the home folder, unless that is forbidden', () => {
    expect(resolveTarget('host=h', { HOME: home }).tls?.certificate).toBe(join(home, '.postgresql', 'postgresql.crt'));
    expect(resolveTarget('host=h sslcertmode=disable', { HOME: home }).tls?.certificate).toBeUndefined();
  });
});

describe('servers', () => {
  it.each([
    ['postgresql://h/d', ['h:5432']],
    ['postgresql://a:1,b,[::1]:3/d', ['a:1', 'b:5432', '[::1]:3']],
    ['host=a,b port=7', ['a:7', 'b:7']],
    ['hostaddr=10.0.0.1,10.0.0.2', ['10.0.0.1:5432', '10.0.0.2:5432']],
    ['host=/run/pg port=5433', ['/run/pg/.s.PGSQL.5433']],
    ['postgresql://%2Frun%2Fpg:1/d', ['/run/pg/.s.PGSQL.1']],
  ])('of %s are %j', (text, expected) => {
    expect(labels(resolveTarget(text))).toEqual(expected);
  });

  it('are asked for a session that can write if there are several, unless the string says otherwise', () => {
    expect(resolveTarget('host=a').sessionAttributes).toBe('any');
    expect(resolveTarget('host=a,b').sessionAttributes).toBe('read-write');
    expect(resolveTarget('host=a,b target_session_attrs=any').sessionAttributes).toBe('any');
  });

  it('are given time as libpq gives it', () => {
    const seconds = (value: string) => resolveTarget(`host=h connect_timeout=${value}`).connectTimeoutMs;
    expect([seconds('10'), seconds('1'), seconds('0'), seconds('-1')]).toEqual([10_000, 2_000, undefined, undefined]);
  });
});

describe('TLS', () => {
  it('is as sslmode says, and prefer without it', () => {
    const modeOf = (query: string) => resolveTarget(`postgresql://h/d?${query}`).tls?.mode;
    expect(modeOf('')).toBe('prefer');
    expect(modeOf('sslmode=disable')).toBeUndefined();
    expect(modeOf('sslmode=require')).toBe('require');
    // libpq: with a root certificate, `require` verifies the chain.
    expect(modeOf('sslmode=require&sslrootcert=/x')).toBe('verify-ca');
    expect(modeOf('sslrootcert=system')).toBe('verify-full');
  });

  it.each([
    ['sslmode=disable&sslrootcert=/x', 'has sslrootcert, but sslmode=disable'],
    ['sslmode=require&sslrootcert=system', 'has sslrootcert=system, which needs sslmode=verify-full'],
    ['sslmode=prefer&sslnegotiation=direct', 'has sslnegotiation=direct, which needs sslmode=require'],
    ['sslmode=disable&channel_binding=require', 'has channel_binding=require, which needs TLS'],
  ])('that cannot be is refused by name: %s', (query, reason) => {
    expect(refusal(`postgresql://u:secret@h/d?${query}`)).toContain(reason);
    expect(refusal(`postgresql://u:secret@h/d?${query}`)).not.toContain('secret');
  });
});

describe('a Neon host', () => {
  const neon = (query: string) => resolveTarget(`postgresql://u:p@ep-a-1.eu-central-1.aws.neon.tech/d?${query}`);

  it.each(['ep-a-1.eu-central-1.aws.neon.tech', 'ep-a-pooler.neon.build'])('is reached by WebSocket: %s', (host) => {
    const target = resolveTarget(`postgresql://u:p@${host}/d?sslmode=require`);
    expect(target).toMatchObject({ transport: 'websocket', tls: undefined });
  });

  it.each(['notneon.tech', 'neon.tech.example.org', 'localhost'])('is not %s', (host) => {
    expect(resolveTarget(`postgresql://u:p@${host}/d`).transport).toBe('tcp');
  });

  it('is reached by TCP if the string asks for what a WebSocket cannot do: its own string does', () => {
    expect(neon('sslmode=require&channel_binding=require')).toMatchObject({
      transport: 'tcp',
      channelBinding: 'require',
      tls: { mode: 'require' },
    });
    expect(neon('sslmode=verify-full&sslrootcert=system').transport).toBe('tcp');
    expect(neon('channel_binding=prefer').transport).toBe('websocket');
  });

  it('is never reached without encryption', () => {
    expect(() => neon('sslmode=disable')).toThrow(/a Neon host refuses: it is always encrypted/);
  });
});

describe('what is taken and cannot be honoured to the letter', () => {
  it('is named in a note, once for each parameter', () => {
    const { notes } = resolveTarget('host=h keepalives_interval=5 tcp_user_timeout=1 pgbouncer=true');
    expect(notes).toHaveLength(3);
    expect(notes[0]).toMatch(/^DATABASE_URL has keepalives_interval: /);
    expect(resolveTarget('postgresql://u:p@h/d?sslmode=require').notes).toEqual([]);
  });
});

describe('a password file', () => {
  const key = { host: 'h', port: 5432, database: 'd', user: 'u' };
  it.each([
    ['h:5432:d:u:p', 'p'],
    ['*:*:*:*:p', 'p'],
    ['# h:5432:d:u:no\nh:5432:d:u:p', 'p'],
    ['h:5432:d:u:a:b', 'a:b'],
    [String.raw`h:5432:d:u:a\:b\\c`, String.raw`a:b\c`],
    ['x:5432:d:u:p', undefined],
    ['h:5432:d:u', undefined],
    ['', undefined],
  ])('%j has the password %j', (text, password) => {
    expect(findPassword(text, key)).toBe(password);
  });
});

describe('a service file', () => {
  it('is read by section; the first of a name counts', () => {
    const text = '[a]\r\nhost=1\r\n#port=2\r\n[b]\r\nhost=2\r\n[a]\r\nhost=3';
    expect(Object.fromEntries(parseService(text, 'a') ?? [])).toEqual({ host: '1' });
    expect(parseService(text, 'c')).toBeUndefined();
  });
});
