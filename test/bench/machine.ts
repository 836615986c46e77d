import { cpus, totalmem, type } from 'node:os';
import { versionOf } from '../../infra/local/nats-binary.ts';
import { createPool } from '../../shared/postgres/pool.ts';
import type { BenchContext } from './bench.ts';

/** What the figures were measured on. */
export const describeMachine = async ({
  postgres,
  natsBinary,
}: BenchContext): Promise<Readonly<Record<string, string>>> => {
  const pool = createPool(postgres.url, { max: 1 });
  try {
    const [version] = await pool.query<{ server_version: string }>('show server_version');
    const processors = cpus();
    return {
      processor: `${processors.length} x ${processors[0]?.model ?? 'unknown'}`,
      memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
      system: type(),
      node: process.versions.node,
      postgresql: version?.server_version ?? '',
      'nats-server': (await versionOf(natsBinary)).join('.'),
    };
  } finally {
    await pool.end();
  }
};
