import { describeDeadLetter } from '../../../shared/operate/describe-dead-letter.ts';
import { matches, readFilter } from '../../../shared/operate/dead-letter-filter.ts';
import { argumentReader } from '../../../shared/operate/read-arguments.ts';
import { createDeadLetterStore } from '../../../shared/nats/dead-letter-store.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes, usageError } from '../cli-io.ts';
import { filterFields, filterOptions } from '../dead-filter.ts';
import { openSink } from '../open-sink.ts';
import { createProgressBar } from '../progress-bar.ts';
import { textValue } from '../values.ts';

export const deadExport: CliCommand = {
  name: 'dead export',
  summary: 'Write dead letters with their payloads as JSON lines, oldest first',
  usage: '[--code CODE] [--output FILE]',
  options: {
    ...filterOptions,
    output: { type: 'string', short: 'o', value: 'FILE', help: 'A file instead of stdout' },
  },
  examples: ['state-sync dead export -o letters.jsonl', 'state-sync dead export --code unknown_state | jq -r .payload'],
  positionals: { min: 0, max: 0 },
  run: async ({ store, io, values, output }) => {
    const args = argumentReader(
      Object.fromEntries(Object.entries(await filterFields(store, values)).filter(([, value]) => value !== undefined)),
    );
    const filter = readFilter(args);
    try {
      args.check();
    } catch (error) {
      throw usageError(error instanceof Error ? error.message : String(error));
    }
    const { deadLetter } = await store.routing();
    const letters = createDeadLetterStore(await (await store.bus()).connection(), deadLetter.stream);
    const summary = await letters.summary();
    const path = textValue(values, 'output');
    const sink = openSink(io, path);
    const bar = createProgressBar(io, 'looked at', path === undefined);
    let [written, seen] = [0, 0];
    try {
      if (summary !== undefined && summary.messages > 0) {
        for await (const letter of letters.oldestFirst(summary.firstSequence, summary.lastSequence)) {
          if (io.signal.aborted) break;
          seen += 1;
          const line = describeDeadLetter(letter, undefined);
          if (matches(filter, line, letter)) {
            await sink.write(`${JSON.stringify({ ...line, ...payloadOf(letter.payload) })}\n`);
            written += 1;
          }
          await bar.update(seen, summary.messages);
        }
      }
    } finally {
      await bar.clear();
      await sink.close();
    }
    if (path !== undefined) {
      await output.result({ letters: written, file: path }, () => [`${written} dead letters in ${path}`]);
    }
    return io.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
  },
};

/** Text if the bytes are UTF-8, else base64. */
const payloadOf = (payload: Uint8Array): { readonly payload: string; readonly payloadEncoding: string } => {
  try {
    return {
      payload: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload),
      payloadEncoding: 'utf8',
    };
  } catch {
    return { payload: Buffer.from(payload).toString('base64'), payloadEncoding: 'base64' };
  }
};
