import type { EntryPorts, ReplayState } from '../../functions/state-entry/entry-ports.ts';
import { replayRows } from '../../functions/state-entry/replay/replay-rows.ts';
import type { JsonObject, PlainJsonObject } from '../../shared/json/json-value.ts';
import { contentHash } from '../../shared/message/content-hash.ts';
import type { Delivery, MessageType } from '../../shared/message/delivery.ts';
import type { OutgoingMessage, PublishOutcome } from '../../shared/message/outgoing-message.ts';
import { runAtOnce } from '../../shared/state/steps.ts';
import type { Processor, Route } from '../../shared/state/state-model.ts';

/** The outside of state-entry in memory: what it reads, and what it has published and recorded. */
export interface MemoryEntryPorts extends EntryPorts {
  readonly routes: Map<string, Route>;
  readonly processors: Map<string, Processor>;
  readonly states: Map<string, ReplayState>;
  /** Per state, rows of cell texts. */
  readonly cells: Map<string, readonly (readonly (string | null)[])[]>;
  readonly published: OutgoingMessage[];
  /** Whose each of them is. */
  readonly publishedFor: string[];
  readonly handled: Set<string>;
  /** Content hashes of what was handled; without one it is not known. */
  readonly contents: Map<string, string>;
  /** Reads of pages: state, offset, limit. */
  readonly reads: (readonly [string, number, number])[];
  /** Time that a read takes. */
  readMs: number;
  /** Says what the server answers; by default it takes everything. */
  answer: (message: OutgoingMessage) => PublishOutcome;
}

export const memoryEntryPorts = (evaluatorFor: EntryPorts['evaluatorFor'] = () => () => null): MemoryEntryPorts => {
  let nowMs = 0;
  const ports: MemoryEntryPorts = {
    routes: new Map(),
    processors: new Map(),
    states: new Map(),
    cells: new Map(),
    published: [],
    publishedFor: [],
    handled: new Set(),
    contents: new Map(),
    reads: [],
    readMs: 0,
    answer: () => ({ ok: true, duplicate: false, sequence: 1 }),
    loadRoute: async (id) => ports.routes.get(id),
    loadProcessor: async (id) => ports.processors.get(id),
    loadState: async (id) => ports.states.get(id),
    readPage: async (state, offset, limit) => {
      nowMs += ports.readMs;
      ports.reads.push([state.id, offset, limit]);
      return replayRows(state.columns, (ports.cells.get(state.id) ?? []).slice(offset, offset + limit));
    },
    publish: async (messages, deliveryIds) =>
      messages.map((message, index) => {
        const outcome = ports.answer(message);
        if (outcome.ok) {
          ports.published.push(message);
          ports.publishedFor.push(deliveryIds[index]!);
        }
        return outcome;
      }),
    maxPayloadBytes: async () => 1_048_576,
    ledger: {
      read: async (ids) =>
        new Map(
          ids
            .filter((id) => ports.handled.has(id))
            .map((id) => [id, { forwarded: true, stateId: null, contentHash: ports.contents.get(id) ?? null }]),
        ),
      recordHandled: async (deliveries) =>
        deliveries.forEach(({ id, contentHash: content }) => {
          ports.handled.add(id);
          ports.contents.set(id, content);
        }),
    },
    evaluatorFor,
    run: async (steps) => runAtOnce(steps),
    nowMs: () => nowMs,
  };
  return ports;
};

export const inputRoute = (id: string, stateId: string, processorId: string): Route => ({
  id,
  stateId,
  processorId,
  direction: 'INPUT',
  status: null,
  count: null,
  currentIndex: null,
  maximumIndex: null,
});

export const processor = (id: string, providerId: string | null, properties: JsonObject | null = null): Processor => ({
  id,
  providerId,
  projectId: 'p1',
  name: id,
  status: 'CREATED',
  properties,
});

export const delivery = (id: string, type: MessageType, members: PlainJsonObject): Delivery => ({
  id,
  subject: 'processor.state.router',
  timestampMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  attempt: 1,
  traceContext: {},
  contentHash: contentHash(new TextEncoder().encode(JSON.stringify(members))),
  type,
  message: { type, ...members },
});

export const textOf = ({ payload }: OutgoingMessage): string => new TextDecoder().decode(payload);
