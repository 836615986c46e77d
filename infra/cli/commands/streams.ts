import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import type { CliCommand } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';

export const streamsCreate: CliCommand = {
  name: 'streams create',
  summary: 'Create the streams of the routing file that are missing, the dead-letter stream too',
  usage: '',
  options: {},
  examples: ['state-sync streams create'],
  positionals: { min: 0, max: 0 },
  changes: () => true,
  run: async ({ store, output }) => {
    const { routes, deadLetter } = await store.routing();
    const connection = await (await store.bus()).connection();
    const streams: { readonly name: string; readonly subjects: readonly string[] }[] = [];
    for (const route of routes.values()) {
      // A route without JetStream has no stream.
      if (!route.jetstreamEnabled) continue;
      const info = await ensureStream(connection, {
        stream: route.name,
        baseSubject: route.subject,
      });
      streams.push({ name: info.config.name, subjects: info.config.subjects ?? [] });
    }
    const info = await ensureStream(connection, {
      stream: deadLetter.stream,
      baseSubject: deadLetter.subject,
      retention: 'limits',
    });
    streams.push({ name: info.config.name, subjects: info.config.subjects ?? [] });
    await output.result({ streams }, () => streams.map(({ name, subjects }) => `${name}: ${subjects.join(', ')}`));
    return exitCodes.ok;
  },
};
