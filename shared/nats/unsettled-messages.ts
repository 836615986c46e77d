import type { NatsConnection } from './connect.ts';
import { nextStoredMessage, type StoredMessage } from './read-stream.ts';
import { readStreamStatus, type ConsumerStatus } from './stream-status.ts';
import { coversSubject } from './subject-filter.ts';

/** The durables of a route in its stream, and what they were given and have not settled. */
export interface Unsettled {
  readonly stream: string;
  readonly durables: readonly Pick<ConsumerStatus, 'name' | 'ackPending' | 'ackWaitMs'>[];
  /** Those of which somebody pulls now, or did moments ago. */
  readonly read: readonly string[];
  /** In the order of the stream. */
  messages(): AsyncGenerator<StoredMessage>;
}

/**
 * Finds what a route's durables were given and have not settled. Of a work queue that is all that it still holds up to what
 * was delivered. Where the stream keeps what is settled it is all behind the ack floor: more than need be.
 *
 * @returns undefined if there is no such stream.
 * @throws Error of the client if the server does not answer
 */
export const findUnsettled = async (
  connection: NatsConnection,
  { name }: { readonly name: string },
): Promise<Unsettled | undefined> => {
  const status = await readStreamStatus(connection, name);
  if (status === undefined) return undefined;
  const isWorkQueue = status.retention === 'workqueue';
  const durables = status.consumers.filter(
    (consumer) => !consumer.isPush && durableEnds.some((end) => consumer.name.startsWith(`${name}${end}`)),
  );
  const given = durables.filter(({ ackPending }) => ackPending > 0);
  return {
    stream: name,
    durables,
    read: durables.filter(({ waiting }) => waiting > 0).map((consumer) => consumer.name),
    messages: async function* () {
      const last = Math.max(0, ...given.map(({ deliveredSequence }) => deliveredSequence));
      const floors = given.map(({ ackFloorSequence }) => ackFloorSequence);
      let next = Math.max(status.firstSequence, isWorkQueue ? 1 : Math.min(...floors) + 1);
      while (next <= last) {
        const message = await nextStoredMessage(connection, name, next);
        if (message === undefined || message.sequence > last) return;
        const { subject, sequence } = message;
        const isGiven = given.some(
          ({ filterSubjects, deliveredSequence, ackFloorSequence }) =>
            sequence <= deliveredSequence &&
            (isWorkQueue || sequence > ackFloorSequence) &&
            (filterSubjects.length === 0 || filterSubjects.some((filter) => coversSubject(filter, subject))),
        );
        if (isGiven) yield message;
        next = sequence + 1;
      }
    },
  };
};

/** What the names of a route's durables begin with behind the route's name (reference.md A.4). */
const durableEnds = ['_sub_1', '_high_1', '_low_1'] as const;
