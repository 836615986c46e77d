import { copyStream, ensureStream, type StreamInfo } from '../../../shared/nats/ensure-stream.ts';
import { isPublishSubject } from '../../../shared/routing/subject-token.ts';
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
  run: async ({ store, output, io }) => {
    const { routes, deadLetter } = await store.routing();
    const connection = await (await store.bus()).connection();
    const streams: { readonly name: string; readonly subjects: readonly string[]; readonly replicas: number }[] = [];
    const onWarning = (reason: string): void => io.writeError(`${reason}\n`);
    for (const route of routes.values()) {
      // A route without JetStream has no stream, and one with wildcards is another service's.
      if (!route.jetstreamEnabled || !isPublishSubject(route.subject)) continue;
      const info = await ensureStream(connection, {
        stream: route.name,
        baseSubject: route.subject,
        onWarning,
      });
      streams.push(shown(info));
    }
    const info = await ensureStream(connection, {
      stream: deadLetter.stream,
      baseSubject: deadLetter.subject,
      retention: 'limits',
      onWarning,
    });
    streams.push(shown(info));
    await output.result({ streams }, () =>
      streams.map(
        ({ name, subjects, replicas }) =>
          `${name}: ${subjects.join(', ')} (${replicas} ${replicas === 1 ? 'copy' : 'copies'})`,
      ),
    );
    return exitCodes.ok;
  },
};

const shown = ({ config }: StreamInfo) => ({
  name: config.name,
  subjects: config.subjects ?? [],
  replicas: config.num_replicas,
});

export const streamsCopy: CliCommand = {
  name: 'streams copy',
  summary: 'Make a stream that gets a copy of every message of another, for a trial; the other one keeps its messages',
  usage: '<stream> <copy>',
  options: {},
  examples: ['state-sync streams copy processor_state_sync trial_state_sync'],
  positionals: { min: 2, max: 2 },
  changes: () => true,
  run: async ({ store, output, positionals }) => {
    const [source = '', copy = ''] = positionals;
    const info = await copyStream(await (await store.bus()).connection(), source, copy);
    await output.result({ stream: info.config.name, source, messages: info.state.messages }, () => [
      `${copy} gets what ${source} gets: name it in the routing file of the trial, with the subject of ${source}`,
      `remove it after the trial: nats stream rm ${copy}`,
    ]);
    return exitCodes.ok;
  },
};
