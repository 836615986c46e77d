import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { referenceProgram } from './reference-program.ts';

/** A Python that has the reference's packages; the tests that compare with them are skipped if there is none. */
export const referencePython = process.env['STATE_SYNC_REFERENCE_PYTHON'] ?? 'python3';

const has = (modules: string): boolean =>
  spawnSync(referencePython, ['-c', `import ${modules}`], { stdio: 'ignore' }).status === 0;

export const skipReason =
  'the comparison with the reference needs a Python, named by STATE_SYNC_REFERENCE_PYTHON, that has ' +
  'alethic-ism-core, alethic-ism-db, pydantic, pyyaml, python-dotenv, RestrictedPython, nats-py and psycopg2';

export const hasReferenceCore = (): boolean => has('ismcore.model.processor_state, RestrictedPython');
export const hasReferenceStorage = (): boolean => hasReferenceCore() && has('ismdb.state_storage');

/** The reference's packages in a process of their own. */
export interface ReferenceProcess {
  /** The answer to one request; requests may be on their way together. */
  ask<Answer>(request: object): Promise<Answer & { readonly error?: string }>;
  close(): Promise<void>;
}

const escapeCode = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

export const startReference = (): ReferenceProcess => {
  const child = spawn(referencePython, ['-u', '-c', referenceProgram], { stdio: ['pipe', 'pipe', 'ignore'] });
  const waiting: { readonly resolve: (answer: string) => void; readonly reject: (error: Error) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  child.on('exit', (code) => {
    for (const { reject } of waiting) reject(new Error(`the reference's process ended with ${code}`));
  });
  return {
    ask: async (request) => {
      const answer = new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
      child.stdin.write(`${JSON.stringify(request).replaceAll(/[\u007f-\uffff]/g, escapeCode)}\n`);
      return JSON.parse(await answer);
    },
    close: async () => {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
};
