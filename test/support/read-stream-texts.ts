import type { NatsConnection } from 'nats';

/** The payloads that a stream holds, oldest first; none if there is no such stream. */
export const readStreamTexts = async (client: NatsConnection, stream: string): Promise<readonly string[]> => {
  const manager = await client.jetstreamManager();
  const names = await manager.streams.names().next();
  if (!names.includes(stream)) return [];
  const { state } = await manager.streams.info(stream);
  const texts: string[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(stream, { seq });
    texts.push(new TextDecoder().decode(message.data));
  }
  return texts;
};
