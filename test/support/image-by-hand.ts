import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { repositoryRoot } from './kubernetes-manifests.ts';
import type { Dockerfile, Instruction } from './dockerfile.ts';

/** Folders that the stages work in; each is used by one purpose only, so that all stages can share one root folder. */
const workFolders = /(^|[\s="':])(\/(?:src|app|warm)(?=[/\s"':]|$))/g;

export interface ImageOptions {
  readonly dockerfile: Dockerfile;
  readonly context: string;
  /** Stands for `/`; must be readable by other users. */
  readonly root: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** A node_modules made by the same `npm ci` for another image of the same lock file. */
  readonly installed?: string;
}

export interface BuiltImage {
  readonly workdir: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number;
}

const isRoot = process.getuid?.() === 0;

/** Runs a shell command of the image and fails with what it printed. */
const runShell = async (
  command: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
  uid: number | undefined,
): Promise<void> => {
  const child = spawn('sh', ['-euc', command], { cwd, env, ...(uid === undefined ? {} : { uid, gid: uid }) });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`RUN ${command}: exit ${String(code)}\n${output}`);
};

/**
 * Carries out the instructions of every stage but the last one's RUN (which removes files of the base image) in a folder,
 * with this machine's Node in place of the base image's. Commands may name only the stages' own folders.
 */
export const buildImageByHand = async (options: ImageOptions): Promise<BuiltImage> => {
  const { dockerfile, root } = options;
  const inRoot = (text: string): string =>
    text.replaceAll(workFolders, (_, before: string, path: string) => `${before}${root}${path}`);
  let image: BuiltImage = { workdir: root, command: [], env: {}, uid: 0 };
  for (const [index, stage] of dockerfile.stages.entries()) {
    const isLast = index === dockerfile.stages.length - 1;
    let workdir = '/';
    let uid = 0;
    let command: readonly string[] = [];
    const env: Record<string, string> = {};
    const args: Record<string, string> = {};
    const expand = (text: string): string =>
      text.replaceAll(/\$\{([A-Z_]+)(?:[:?][^}]*)?\}/g, (_, name: string) => args[name] ?? '');

    const copy = async (instruction: Instruction): Promise<void> => {
      const [, from, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(expand(instruction.args)) ?? [];
      const sources = paths.split(' ');
      const target = posix.resolve(workdir, sources.pop() ?? '');
      const intoFolder = paths.endsWith('/') || sources.length > 1;
      for (const source of sources) {
        const origin = from === undefined ? join(options.context, source) : join(root, source);
        const isFolder = await readdir(origin).then(
          () => true,
          () => false,
        );
        const destination = join(root, target, intoFolder && !isFolder ? basename(source) : '');
        // The same path in the shared root: the copy is there already.
        if (origin.replace(/\/$/, '') === destination.replace(/\/$/, '')) continue;
        await mkdir(dirname(destination), { recursive: true });
        await cp(origin, destination, { recursive: true });
      }
    };

    const run = async (instruction: Instruction): Promise<void> => {
      if (isLast) return;
      if (instruction.args.startsWith('npm ci') && options.installed !== undefined) {
        return symlink(options.installed, join(root, workdir, 'node_modules'));
      }
      const text = inRoot(isRoot ? instruction.args : instruction.args.replaceAll(/&& chown \S+ \S+/g, ''));
      // Nothing outside of the root may be named: these commands were written for a container.
      if (/(^|[\s"'=:])(\/|\.\.)/.test(text.replaceAll(`${root}/`, 'root:')))
        throw new Error(`RUN names another folder: ${text}`);
      const binFolder = join(repositoryRoot, 'node_modules/.bin');
      // npm reads its configuration from the user's home; the image's own user has none.
      const inherited = uid === 0 ? { ...process.env, NODE_OPTIONS: '', NODE_ENV: '' } : { HOME: root };
      const variables = { ...inherited, PATH: `${binFolder}:${process.env['PATH'] ?? ''}`, ...options.env, ...args };
      const mapped = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, inRoot(value)]));
      await runShell(text, join(root, workdir), { ...variables, ...mapped }, isRoot && uid !== 0 ? uid : undefined);
    };

    for (const instruction of stage.instructions) {
      if (instruction.name === 'WORKDIR') {
        workdir = instruction.args;
        await mkdir(join(root, workdir), { recursive: true });
      } else if (instruction.name === 'ARG') {
        args[instruction.args] = options.buildArgs[instruction.args] ?? dockerfile.args[instruction.args] ?? '';
      } else if (instruction.name === 'ENV') {
        const pairs = instruction.args.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g);
        for (const [, key = '', quoted, plain = ''] of pairs) env[key] = quoted ?? plain;
      } else if (instruction.name === 'COPY') await copy(instruction);
      else if (instruction.name === 'USER') uid = Number(instruction.args.split(':')[0]);
      else if (instruction.name === 'RUN') await run(instruction);
      else if (instruction.name === 'CMD') command = JSON.parse(instruction.args) as string[];
      else if (instruction.name !== 'EXPOSE') throw new Error(`not known here: ${instruction.name}`);
    }
    const mapped = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, inRoot(value)]));
    image = { workdir: join(root, workdir), command, env: mapped, uid };
  }
  // Files that a non-root test run owns are owned by root in the image.
  if (isRoot) await chown(image.workdir, 0, 0);
  return image;
};
