import { setTimeout as delay } from 'node:timers/promises';
import { RetentionPolicy, StorageType, type StreamInfo } from 'nats';
import type { NatsConnection } from './connect.ts';
import { jetstreamManager } from './jetstream-api.ts';
import { apiErrorCode, apiErrorCodes } from './jetstream-error.ts';
import { coversSubject } from './subject-filter.ts';

export type { StreamInfo } from 'nats';

export interface StreamWanted {
  readonly stream: string;
  readonly baseSubject: string;
  /** `workqueue` for the ecosystem's streams; `limits` keeps what is read, as for dead letters. */
  readonly retention?: 'workqueue' | 'limits';
}

/** The two subjects that a stream of the ecosystem holds (reference.md A.4). */
export const streamSubjects = (baseSubject: string): readonly [string, string] => [baseSubject, `${baseSubject}.>`];

/**
 * Makes sure that the stream exists and holds the subject and all below it: made on file storage where it is missing,
 * else its subjects are widened by what it lacks. Every other setting stays as it is; retention above all, because the
 * server cannot change it and the ecosystem's services differ in what they ask for (reference.md A.4).
 */
export const ensureStream = async (connection: NatsConnection, wanted: StreamWanted): Promise<StreamInfo> => {
  const manager = await jetstreamManager(connection);
  const subjects = streamSubjects(wanted.baseSubject);
  const existing = await findStream(connection, wanted.stream);
  if (existing === undefined) {
    try {
      return await whileStoreIsRemoved(() =>
        manager.streams.add({
          name: wanted.stream,
          subjects: [...subjects],
          storage: StorageType.File,
          retention: wanted.retention === 'limits' ? RetentionPolicy.Limits : RetentionPolicy.Workqueue,
        }),
      );
    } catch (error) {
      // Another process made it between our look and our request.
      if (apiErrorCode(error) !== apiErrorCodes.streamNameInUse) throw error;
    }
  }
  const info = existing ?? (await manager.streams.info(wanted.stream));
  const held = info.config.subjects ?? [];
  const missing = subjects.filter((subject) => !held.some((pattern) => coversSubject(pattern, subject)));
  if (missing.length === 0) return info;
  // `subject.>` may take the place of narrower subjects that the server would refuse as overlapping.
  const kept = held.filter((pattern) => !missing.some((subject) => coversSubject(subject, pattern)));
  // The client merges this into the whole current configuration.
  return await manager.streams.update(wanted.stream, { subjects: [...kept, ...missing] });
};

/** Whether the stream lets go what is settled. */
export const isWorkQueue = ({ config }: StreamInfo): boolean => config.retention === RetentionPolicy.Workqueue;

/** The stream's info, or undefined where there is none of that name. */
export const findStream = async (connection: NatsConnection, stream: string): Promise<StreamInfo | undefined> => {
  const manager = await jetstreamManager(connection);
  try {
    return await manager.streams.info(stream);
  } catch (error) {
    if (apiErrorCode(error) === apiErrorCodes.streamNotFound) return undefined;
    throw error;
  }
};

const storeTries = 10;

/** For a moment after a stream was deleted the server still removes its files, and refuses one of the same name. */
const whileStoreIsRemoved = async <T>(add: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await add();
    } catch (error) {
      if (tries >= storeTries || !(error instanceof Error && error.message.includes('creating store'))) throw error;
      await delay(100);
    }
  }
};
