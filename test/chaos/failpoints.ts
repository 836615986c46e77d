import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceChange } from '../support/source-changes.ts';

/** Names of the moments at which a process can be made to die. */
export const failpointNames = [
  'after-commit',
  'after-some-forwards',
  'after-all-forwards',
  'after-ledger-note',
  'before-acks',
  'between-acks',
] as const;
export type FailpointName = (typeof failpointNames)[number];

/**
 * Whether the process that asks is to die here: the file with the failpoint's name is there, and it is the one that took
 * it away. The number in the file is how much is done before.
 */
const claim = (name: FailpointName): string => `(() => {
      const fs = process.getBuiltinModule('node:fs');
      const file = \`\${process.env['CHAOS_FAILPOINTS'] ?? '/nonexistent'}/${name}\`;
      if (!fs.existsSync(file)) return undefined;
      const count = Number(fs.readFileSync(file, 'utf8'));
      try { fs.unlinkSync(file); } catch { return undefined; }
      return count;
    })()`;

const die = `process.kill(process.pid, 'SIGKILL')`;
const dieAt = (name: FailpointName): string => `if (${claim(name)} !== undefined) { ${die}; }`;

/** A message with this member takes down the process that handles it, like one that uses up its memory. */
export const killerMember = 'chaos_kill';

const forwardGroup = 'shared/store/forward-group.ts';

/** Failpoints and killer messages, built into the bundles of the fault suite. */
export const failpoints: readonly SourceChange[] = [
  {
    file: 'shared/function/handle-request.ts',
    find: `      const { deliveries } = part;`,
    replace: `      const { deliveries } = part;
    if (deliveries.some(({ message }) => (message as unknown as Record<string, unknown>)['${killerMember}'] === true)) {
      ${die};
    }`,
  },
  {
    file: 'shared/store/store-deliveries.ts',
    find: `  if (result.columns.length !== model.columns.length) ports.forgetState(model.id);`,
    replace: `  ${dieAt('after-commit')}
  if (result.columns.length !== model.columns.length) ports.forgetState(model.id);`,
  },
  {
    file: forwardGroup,
    find: `    const published = sent.length === 0 ? [] : await ports.publish(sent, sentOwners);`,
    replace: `    const some = sent.length === 0 ? undefined : ${claim('after-some-forwards')};
    if (some !== undefined) { await ports.publish(sent.slice(0, some), sentOwners.slice(0, some)); ${die}; }
    const published = sent.length === 0 ? [] : await ports.publish(sent, sentOwners);`,
  },
  {
    file: forwardGroup,
    find: `    if (forwarded.length > 0) await ports.markForwarded(forwarded);`,
    replace: `    if (forwarded.length > 0) { ${dieAt('after-all-forwards')} }
    if (forwarded.length > 0) await ports.markForwarded(forwarded);
    if (forwarded.length > 0) { ${dieAt('after-ledger-note')} }`,
  },
  {
    file: 'infra/connector/settle/settler.ts',
    find: `      settleAll(state, 'ack', messages);`,
    replace: `    ${dieAt('before-acks')}
    const acks = ${claim('between-acks')};
    if (acks !== undefined) setTimeout(() => ${die}, 30);
    settleAll(state, 'ack', acks === undefined ? messages : messages.slice(0, acks));`,
  },
];

/**
 * The next process that comes to this point dies there, once, after so much of what it is about to do. Over when one did,
 * or when none came for a while; whether one did.
 */
export const meetFailpoint = async (
  folder: string,
  name: FailpointName,
  { count, waitMs }: { readonly count: number; readonly waitMs: number },
): Promise<boolean> => {
  const file = join(folder, name);
  await writeFile(file, String(count));
  for (let waitedMs = 0; existsSync(file) && waitedMs < waitMs; waitedMs += 20) await sleep(20);
  try {
    await rm(file);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return true; // only who dies here takes it away
  }
};
