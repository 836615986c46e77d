import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/errors/sync-error.ts';
import { parseConnectionUrl } from '../../../shared/postgres/connection-url.ts';

const refusal = (url: string): string => {
  try {
    parseConnectionUrl(url);
  } catch (error) {
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({ code: 'database_misconfigured' });
    return (error as Error).message;
  }
  throw new Error('accepted');
};

describe('a connection URL', () => {
  it('without sslmode means prefer, as for libpq', () => {
    expect(parseConnectionUrl('postgresql://u:p@h/d')).toMatchObject({ transport: 'tcp', tls: { mode: 'prefer' } });
  });

  it('keeps every parameter that is not about security, for the driver', () => {
    const { connectionString, tls } = parseConnectionUrl(
      'postgres://u:p%40@h:5433/d?sslmode=disable&application_name=x&channel_binding=prefer&gssencmode=disable',
    );
    expect(connectionString).toBe('postgres://u:p%40@h:5433/d?application_name=x');
    expect(tls).toBeUndefined();
  });

  it.each(['ep-a-1.eu-central-1.aws.neon.tech', 'ep-a-pooler.neon.build'])(
    'of a Neon host uses the WebSocket: %s',
    (host) => {
      expect(parseConnectionUrl(`postgresql://u:p@${host}/d?sslmode=require`)).toMatchObject({
        transport: 'websocket',
        tls: undefined,
      });
    },
  );

  it.each(['notneon.tech', 'neon.tech.example.org', 'localhost'])('of any other host uses TCP: %s', (host) => {
    expect(parseConnectionUrl(`postgresql://u:p@${host}/d`).transport).toBe('tcp');
  });

  it.each([
    ['sslmode=allow', 'sslmode=allow is not supported'],
    ['sslmode=Require', 'sslmode=Require is not supported'],
    ['ssl=true', 'ssl=true is not supported'],
    ['channel_binding=require', 'channel_binding=require is not supported'],
    ['gssencmode=require', 'gssencmode=require is not supported'],
    ['sslnegotiation=direct', 'sslnegotiation=direct is not supported'],
    ['sslcrl=/x', 'sslcrl is not supported'],
    ['ssl_min_protocol_version=TLSv1.3', 'ssl_min_protocol_version is not supported'],
    ['sslmode=disable&sslrootcert=/x', 'certificates are given, but sslmode=disable'],
    ['sslmode=verify-full&sslrootcert=/does/not/exist', 'sslrootcert cannot be read'],
    ['host=/var/run/postgresql', 'needs a host name'],
  ])('with %s is refused, never silently ignored', (query, reason) => {
    expect(refusal(`postgresql://user:secret@h/d?${query}`)).toContain(reason);
  });

  it.each([
    '',
    'nonsense',
    'mysql://u:p@h/d',
    'postgresql:///d',
    'postgresql://u:secret@a:1,b:2/d',
    'postgresql://u:secret@h:99999/d',
  ])('that is not one server is refused: %j', (url) => {
    expect(refusal(url)).not.toContain('secret');
  });

  it('of a Neon host with sslmode=disable is refused: it would be encrypted', () => {
    expect(refusal('postgresql://u:p@x.neon.tech/d?sslmode=disable')).toContain('always encrypted');
  });
});
