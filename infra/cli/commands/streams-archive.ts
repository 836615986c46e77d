import { archiveStream } from '../../../shared/nats/archive-stream.ts';
import { replayArchive } from '../../../shared/operate/replay-archive.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes, usageError } from '../cli-io.ts';
import { createProgressBar } from '../progress-bar.ts';
import { integerValue, requiredText } from '../values.ts';

const dayMs = 86_400_000;
const defaultDays = 8;

export const streamsArchive: CliCommand = {
  name: 'streams archive',
  summary: 'Make a mirror of a stream that keeps what the stream lets go, for a database that is set back',
  usage: '<stream> <archive> [--days N]',
  options: { days: { type: 'string', value: 'N', help: `How long it keeps a message (default ${defaultDays})` } },
  examples: ['state-sync streams archive processor_state_sync archive_state_sync --days 8'],
  positionals: { min: 2, max: 2 },
  changes: () => true,
  run: async ({ store, output, values, positionals }) => {
    const [stream = '', archive = ''] = positionals;
    const days = integerValue(values, 'days', { min: 1, max: 3_650 }) ?? defaultDays;
    const connection = await (await store.bus()).connection();
    const info = await archiveStream(connection, { stream, archive, maxAgeMs: days * dayMs });
    await output.result({ stream: info.config.name, mirrors: stream, days }, () => [
      `${archive} keeps what ${stream} gets from now on for ${days} days`,
    ]);
    return exitCodes.ok;
  },
};

export const streamsReplay: CliCommand = {
  name: 'streams replay',
  summary:
    'After the database was set back: send what a stream got since then to it once more; what is stored stays as it is',
  usage: '<archive> --since TIME',
  options: {
    since: { type: 'string', value: 'TIME', help: 'A little before the point that the database was set back to' },
  },
  examples: ['state-sync streams replay archive_state_sync --since 2026-01-31T11:55:00Z'],
  positionals: { min: 1, max: 1 },
  changes: () => true,
  run: async ({ store, output, io, values, positionals }) => {
    const since = requiredText(values, 'since', 'a time such as 2026-01-31T11:55:00Z');
    const sinceMs = Date.parse(since);
    if (Number.isNaN(sinceMs)) throw usageError(`--since ${since} is no time such as 2026-01-31T11:55:00Z`);
    const bar = createProgressBar(io, 'sent', output.isJson);
    const result = await replayArchive(await store.manage(), {
      archive: positionals[0] ?? '',
      sinceMs,
      signal: io.signal,
      onSent: async (messages) => bar.update(messages, undefined),
    });
    await bar.clear();
    await output.result({ ...result, complete: !io.signal.aborted }, () => [
      `${result.messages} messages sent to ${result.stream} once more`,
      ...(result.missing === 0
        ? []
        : [
            `${result.missing} messages between them are not in the archive: it did not follow the stream when they were settled`,
          ]),
    ]);
    return io.signal.aborted ? exitCodes.failed : exitCodes.ok;
  },
};
