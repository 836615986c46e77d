import type { NatsConnection } from '../../../shared/nats/connect.ts';
import type { BoundConsumer } from '../../../shared/nats/ensure-consumer.ts';
import { readDeleted, type StreamInfo } from '../../../shared/nats/ensure-stream.ts';
import { nextStoredMessage, type StoredMessage } from '../../../shared/nats/read-stream.ts';
import { coversSubject } from '../../../shared/nats/subject-filter.ts';
import { readAhead } from './read-ahead.ts';
import { mayStayUnread, type ConsumerPosition } from './unsettled-search.ts';

/** A message of the stream, or only where it is. */
export interface Place {
  readonly sequence: number;
  readonly message: StoredMessage | undefined;
}

/** The first message at or after a sequence; undefined if there is none. */
export type FindPlace = (from: number) => Promise<Place | undefined>;

export interface Looking {
  readonly connection: NatsConnection;
  readonly consumer: BoundConsumer;
  /** As it is now. */
  readonly stream: StreamInfo;
  readonly position: ConsumerPosition;
  /** Whether nobody else reads. */
  readonly isAlone: boolean;
}

/** How the messages of a stream are found: each is read, or, where that is enough, it is only asked where there are none. */
export const wayToFind = async (looking: Looking): Promise<FindPlace> => {
  const { connection, consumer, stream, position, isAlone } = looking;
  const { num_deleted: deletedCount, first_seq, last_seq } = stream.state;
  if (!isAlone || !takesAll(consumer, stream) || !mayStayUnread(position, deletedCount)) {
    const read = readAhead((from) => nextStoredMessage(connection, consumer.stream, from), position.deliveredSequence);
    return async (from) => {
      const message = await read(from);
      return message === undefined ? undefined : { sequence: message.sequence, message };
    };
  }
  const deleted = deletedCount === 0 ? new Set<number>() : await readDeleted(connection, consumer.stream);
  return (from) => {
    let sequence = Math.max(from, first_seq);
    while (deleted.has(sequence)) sequence += 1;
    return Promise.resolve(sequence > last_seq ? undefined : { sequence, message: undefined });
  };
};

/** Whether the consumer gets messages of the subject. */
export const takesSubject = ({ filterSubjects }: Pick<BoundConsumer, 'filterSubjects'>, subject: string): boolean =>
  filterSubjects.length === 0 || filterSubjects.some((filter) => coversSubject(filter, subject));

const takesAll = (consumer: BoundConsumer, { config }: StreamInfo): boolean => {
  // A mirror, and a stream that sources others, need not have any.
  const subjects = config.subjects ?? [];
  const coversThem = subjects.length > 0 && subjects.every((subject) => takesSubject(consumer, subject));
  return consumer.filterSubjects.length === 0 || coversThem;
};
