import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import type { IdentityUse } from '../../shared/message/content-hash.ts';
import type { AppendDelivery, AppendedDelivery } from '../../shared/postgres/append-request.ts';

/** What is left out of the model, to see that its checks notice. */
export type ModelMutation = 'ledger-off' | 'forwards-skipped-on-hit' | 'no-takeover' | 'ack-before-commit';

/** The database and the next hop of the delivery model: every function of it happens at once or not at all. */
export interface ModelStore {
  /** The one statement: it writes everything, or, if it knows one of the ids, nothing and says which. */
  appendOnce(stateId: string, deliveries: readonly AppendDelivery[]): readonly AppendedDelivery[];
  noteForwarded(ids: readonly string[]): void;
  readLedger(ids: readonly string[]): ReadonlyMap<string, IdentityUse & { readonly forwarded: boolean }>;
  publish(message: OutgoingMessage): void;
  isKnown(id: string): boolean;
  /** How many different forwards of that delivery the next hop has. */
  forwardsOf(id: string): number;
  readonly forwardCount: number;
  /** `<delivery>.<row>` in the order of their positions. */
  rowsOf(stateId: string): readonly string[];
  readonly faults: readonly string[];
}

export const createModelStore = (stateIds: readonly string[], mutation: ModelMutation | undefined): ModelStore => {
  const rows = new Map<string, string[]>(stateIds.map((id) => [id, []]));
  const ledger = new Map<string, { start: number; rowCount: number; forwarded: boolean; contentHash: string | null }>();
  /** By message id: a broker drops a repeat, so all that matters is that it is the same message again. */
  const forwards = new Map<string, string>();
  const faults: string[] = [];
  return {
    faults,
    appendOnce: (stateId, deliveries) => {
      const known = mutation === 'ledger-off' ? [] : deliveries.filter(({ id }) => ledger.has(id));
      if (known.length > 0) {
        return known.map(({ id }) => {
          const { start, rowCount, forwarded } = ledger.get(id)!;
          const skip = mutation === 'forwards-skipped-on-hit';
          return { id, status: 'duplicate', startIndex: start, rowCount, forwarded: forwarded || skip };
        });
      }
      const own = rows.get(stateId)!;
      return deliveries.map(({ id, rowCount, forwards: hasForwards, contentHash }) => {
        const start = own.length;
        for (let row = 0; row < rowCount; row += 1) own.push(`${id}.${row}`);
        ledger.set(id, { start, rowCount, forwarded: !hasForwards, contentHash });
        return { id, status: 'stored', startIndex: start, rowCount, forwarded: !hasForwards };
      });
    },
    noteForwarded: (ids) => {
      for (const id of ids) {
        const entry = ledger.get(id);
        if (entry) entry.forwarded = true;
      }
    },
    readLedger: (ids) =>
      new Map(
        ids.flatMap((id) => {
          const entry = ledger.get(id);
          return entry === undefined
            ? []
            : [[id, { forwarded: entry.forwarded, contentHash: entry.contentHash, stateId: null }] as const];
        }),
      ),
    publish: ({ id, payload }) => {
      const text = Buffer.from(payload).toString();
      const before = forwards.get(id);
      if (before !== undefined && before !== text) faults.push(`I4: ${id} was sent with two contents`);
      forwards.set(id, text);
    },
    isKnown: (id) => ledger.has(id),
    forwardsOf: (id) => [...forwards.keys()].filter((forward) => forward.startsWith(`${id}/`)).length,
    get forwardCount() {
      return forwards.size;
    },
    rowsOf: (stateId) => rows.get(stateId)!,
  };
};
