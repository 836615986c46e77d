import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { readFunctionConfig } from '../../../shared/config/function-config.ts';
import { ConfigError } from '../../../shared/config/settings.ts';

const secretsDir = mkdtempSync(join(tmpdir(), 'secrets-'));
afterAll(() => rmSync(secretsDir, { recursive: true }));

const read = (env: Record<string, string>) => readFunctionConfig({ env, secretsDir });

describe('the settings of a function', () => {
  it('have the defaults of the existing system', () => {
    const config = read({});
    expect(config).toMatchObject({
      databaseUrl: 'postgresql://postgres:postgres1@localhost:5432/postgres',
      routingFile: '.routing.yaml',
      manageTopic: 'ism_state_sync_store_manage',
      cacheTtlSeconds: 10,
      port: 8080,
      maxBodyBytes: 8 * 1024 * 1024,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('list every fault at once, by name and without the value', () => {
    const faulty = {
      PORT: '70000',
      DATABASE_URL: 'mysql://u:hunter2@h/d',
      CACHE_TTL_SECONDS: 'soon',
      STATE_SYNC_FLATTEN: 'x',
    };
    let error: unknown;
    try {
      read(faulty);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ConfigError);
    const { faults, message } = error as ConfigError;
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
      'PORT',
      'DATABASE_URL',
      'CACHE_TTL_SECONDS',
      'STATE_SYNC_FLATTEN',
    ]);
    expect(message).not.toContain('hunter2');
  });

  it('come from a secret file as OpenFaaS projects it, without its trailing newline', () => {
    writeFileSync(join(secretsDir, 'function-token'), 's3cret\n');
    expect(read({}).functionToken).toBe('s3cret');
  });

  it('come from a secret folder as Knative mounts it', () => {
    mkdirSync(join(secretsDir, 'database-url'));
    writeFileSync(join(secretsDir, 'database-url', 'database-url'), 'postgresql://db.example/ism');
    expect(read({}).databaseUrl).toBe('postgresql://db.example/ism');
  });

  it('come from the environment before any secret file, and an empty variable counts as absent', () => {
    expect(read({ FUNCTION_TOKEN: 'from-env' }).functionToken).toBe('from-env');
    expect(read({ FUNCTION_TOKEN: '' }).functionToken).toBe('s3cret');
  });

  it('take several servers of one NATS cluster', () => {
    expect(read({ MSG_URL: 'nats://a:4222,nats://b:4222' }).nats.url).toBe('nats://a:4222,nats://b:4222');
    expect(() => read({ MSG_URL: 'http://localhost:6650' })).toThrow('MSG_URL has the scheme http');
  });
});
