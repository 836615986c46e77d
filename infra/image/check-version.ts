import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What names the version of a release, as text. */
export interface VersionTexts {
  readonly packageJson: string;
  readonly chart: string;
  readonly changelog: string;
}

/** What does not name this version; none if a release can be made of it. */
export const versionFaults = (version: string, texts: VersionTexts): readonly string[] => [
  ...((JSON.parse(texts.packageJson) as { version: string }).version === version ? [] : ['package.json: `version`']),
  ...['version', 'appVersion']
    .filter((field) => !texts.chart.split('\n').includes(`${field}: ${version}`))
    .map((field) => `infra/helm/Chart.yaml: \`${field}\``),
  ...(texts.changelog.split('\n').some((line) => line.startsWith(`## ${version} `))
    ? []
    : ['.github/CHANGELOG.md: a heading with the version and its date']),
];

if (import.meta.main) {
  const version = process.argv[2]?.replace(/^v/, '') ?? '';
  const read = (file: string): Promise<string> =>
    readFile(join(fileURLToPath(new URL('../..', import.meta.url)), file), 'utf8');
  const faults = versionFaults(version, {
    packageJson: await read('package.json'),
    chart: await read('infra/helm/Chart.yaml'),
    changelog: await read('.github/CHANGELOG.md'),
  });
  for (const fault of faults) process.stderr.write(`${fault} does not name ${version}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
