// Run it to have a Jaeger for the tests: `npx node test/support/build-jaeger.ts` (needs Go; some minutes).
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const run = promisify(execFile);

export const jaegerBinary = fileURLToPath(new URL('../../.cache/go-bin/jaeger', import.meta.url));

/**
 * Builds Jaeger v2 from its newest Go module. `go install` refuses it, because its go.mod has a `replace`: it has to be the
 * main module. The user interface is not in the module; the query API is.
 */
const buildJaeger = async (): Promise<void> => {
  const download = await run('go', ['mod', 'download', '-json', 'github.com/jaegertracing/jaeger@latest']);
  const { Dir: module } = JSON.parse(download.stdout) as { readonly Dir: string };
  const folder = await mkdtemp(join(tmpdir(), 'build-jaeger-'));
  const source = join(folder, 'source');
  await cp(module, source, { recursive: true });
  await run('chmod', ['-R', 'u+w', source]);
  await mkdir(dirname(jaegerBinary), { recursive: true });
  await run('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '-o', jaegerBinary, './cmd/jaeger'], {
    cwd: source,
    env: { ...process.env, CGO_ENABLED: '0' },
    maxBuffer: 64 * 1024 * 1024,
  });
  await rm(folder, { recursive: true, force: true });
};

if (import.meta.main) {
  await buildJaeger();
  process.stdout.write(`built ${jaegerBinary}\n`);
}
