import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `sha256:...` of each image, by its name without registry. */
export type Digests = Readonly<Record<string, string>>;

/**
 * The text with our images named by digest: in a kustomization's `images`, in the chart's `images.digests` and `registry`, and
 * in the stack files of faas-cli. What is not ours stays.
 */
export const pinDigests = (text: string, registry: string, digests: Digests): string =>
  Object.entries(digests).reduce(
    (pinned, [name, digest]) => {
      const imageName = `ghcr\\.io/alethic-ism/${name}`;
      return (
        pinned
          // kustomization.yaml
          .replaceAll(
            new RegExp(`^( *)- name: ${imageName}\\n +newTag: .*$`, 'gm'),
            `$1- name: ghcr.io/alethic-ism/${name}\n$1  newName: ${registry}/${name}\n$1  digest: ${digest}`,
          )
          // values.yaml
          .replaceAll(new RegExp(`^( {4}${name}): ''$`, 'gm'), `$1: '${digest}'`)
          // stack.yml
          .replaceAll(new RegExp(`^( *image: ).*/${name}:\\$\\{TAG[^}]*\\}$`, 'gm'), `$1${registry}/${name}@${digest}`)
      );
    },
    text.replace(/^( {2}registry: )ghcr\.io\/alethic-ism$/m, `$1${registry}`),
  );

/**
 * The digests in what `docker buildx bake --metadata-file` wrote.
 * @throws Error if a target has none: it was not pushed
 */
export const digestsOf = (metadata: string): Digests => {
  const targets = JSON.parse(metadata) as Readonly<Record<string, Readonly<Record<string, string>>>>;
  return Object.fromEntries(
    Object.entries(targets)
      .filter(([target]) => target.endsWith('-release'))
      .map(([target, result]) => {
        const digest = result['containerimage.digest'];
        if (digest === undefined) throw new Error(`${target} has no containerimage.digest: build it with --push`);
        return [target.replace(/-release$/, ''), digest];
      }),
  );
};

/** Files that name our images, from the repository's root. */
const filesWithImages = async (root: string): Promise<readonly string[]> => {
  const below = await readdir(join(root, 'infra'), { recursive: true });
  const kustomizations = below.filter((name) => name.endsWith('kustomization.yaml') && !name.startsWith('helm/'));
  const others = [
    'stack.yml',
    'infra/openfaas/stack.pro.yml',
    'infra/openfaas/connector.yml',
    'infra/helm/values.yaml',
  ];
  return [...others, ...kustomizations.map((name) => `infra/${name}`)];
};

if (import.meta.main) {
  const [metadataFile, registry] = process.argv.slice(2);
  if (metadataFile === undefined || registry === undefined) {
    process.stderr.write('pin-digests.ts: node infra/image/pin-digests.ts METADATA.json REGISTRY\n');
    process.exitCode = 2;
  } else {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const digests = digestsOf(await readFile(metadataFile, 'utf8'));
    for (const file of await filesWithImages(root)) {
      const path = join(root, file);
      await writeFile(path, pinDigests(await readFile(path, 'utf8'), registry, digests));
    }
    for (const [name, digest] of Object.entries(digests)) process.stdout.write(`${registry}/${name}@${digest}\n`);
  }
}
