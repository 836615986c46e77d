import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One call of a tool, and how. */
export interface ToolCall {
  readonly tool: string;
  readonly arguments: readonly string[];
}

export interface RecordingTools {
  /** Put before PATH. */
  readonly bin: string;
  calls(): Promise<readonly ToolCall[]>;
}

export type RecordedTool = 'kubectl' | 'faas-cli' | 'docker';

/**
 * `kubectl`, `faas-cli` and `docker` that write down how they are called, on a cluster that is empty at first: a namespace or a Secret is there once it
 * was created, and what needs a namespace that is not there fails, as the real tools do.
 * `docker` builds and pushes nothing.
 * @param options `failing` is a word of a call that shall fail; `only` names the tools that are made, all if it is missing
 */
export const createRecordingTools = async (
  folder: string,
  options: { readonly failing?: string | undefined; readonly only?: readonly RecordedTool[] } = {},
): Promise<RecordingTools> => {
  const { failing, only = ['kubectl', 'faas-cli', 'docker'] } = options;
  const bin = join(folder, 'bin');
  const state = join(folder, 'cluster');
  await mkdir(bin, { recursive: true });
  await mkdir(state, { recursive: true });
  // In one write: both ends of a pipe write at the same time.
  const record = `separator=$(printf '\\037'); line=$tool; for argument in "$@"; do line=$line$separator$argument; done
printf '%s\\036' "$line" >> '${folder}/calls'`;
  const refuse = failing === undefined ? '' : `case "$*" in *'${failing}'*) echo "refused" >&2; exit 1 ;; esac`;
  const kubectl = `#!/bin/sh
tool=kubectl
${record}
${refuse}
namespace=
previous=
for argument in "$@"; do
  case "$argument" in --namespace=*) namespace=\${argument#--namespace=} ;; esac
  case "$previous" in -n | --namespace) namespace=$argument ;; esac
  previous=$argument
done
dry=; case "$*" in *--dry-run=client*) dry=yes ;; esac
case "$*" in
  'get namespace '*) [ -e "${state}/namespace-$3" ] || exit 1 ;;
  'create namespace '*) : > "${state}/namespace-$3"; echo "namespace/$3 created" ;;
  *'apply --server-side'*) cat > /dev/null; echo 'secret/some serverside-applied' ;;
  apply*)
    [ -e "${state}/namespace-state-sync" ] || { echo 'namespaces "state-sync" not found' >&2; exit 1; }
    case "$*" in *'-o name'*) echo 'configmap/state-sync-migration-abc'; echo 'job.batch/state-sync-migration-abc' ;; esac ;;
  *)
    if [ -n "$namespace" ] && [ -z "$dry" ] && [ ! -e "${state}/namespace-$namespace" ]; then
      echo "namespaces \\"$namespace\\" not found" >&2; exit 1
    fi
    case "$*" in *'-o name'*) echo deployment.apps/connector ;; esac ;;
esac
`;
  const faasCli = `#!/bin/sh
tool=faas-cli
${record}
${refuse}
case "$*" in 'secret create'*) echo "Created: 201 $3" ;; esac
`;
  const docker = `#!/bin/sh
tool=docker
${record}
${refuse}
`;
  const texts = { kubectl, 'faas-cli': faasCli, docker };
  for (const name of only) {
    await writeFile(join(bin, name), texts[name]);
    await chmod(join(bin, name), 0o755);
  }
  return {
    bin,
    calls: async () => {
      const text = await readFile(join(folder, 'calls'), 'utf8').catch(() => '');
      return text
        .split('\u001E')
        .filter((call) => call !== '')
        .map((call) => {
          const [tool = '', ...rest] = call.split('\u001F');
          return { tool, arguments: rest };
        });
    },
  };
};
