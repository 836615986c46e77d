import type { RequestTrace } from '../telemetry/request-trace.ts';
import type { SharedWork } from '../telemetry/shared-work.ts';
import { SpanKind, withSpan, type Attributes } from '../telemetry/trace.ts';
import type { FunctionDatabase } from './function-database.ts';

/**
 * The database of one request, with a span for each statement: one for all deliveries, and its like in the trace of each. A
 * request of which nothing is recorded gets the database as it is.
 */
export const traceDatabase = (database: FunctionDatabase, trace: RequestTrace): FunctionDatabase => {
  if (!trace.isRecorded) return database;
  return {
    append: (request) =>
      trace.share({
        ...statement('append', 'insert', 'state_column_data', request.deliveries.map(idOf), {
          'db.query.summary': 'append state_column_data',
          'ism.state.id': request.stateId,
          'ism.rows': request.deliveries.reduce((sum, delivery) => sum + delivery.rowCount, 0),
          'ism.columns': request.columns.length,
        }),
        run: () => database.append(request),
        describe: ({ deliveries }) => ({
          'ism.ledger.hits': deliveries.filter(({ status }) => status === 'duplicate').length,
        }),
        describeOwn: ({ deliveries }) => {
          const byId = new Map(deliveries.map((delivery) => [delivery.id, delivery]));
          return (id) => {
            const own = byId.get(id);
            return own === undefined
              ? {}
              : { 'ism.rows': own.rowCount, 'ism.ledger.hits': own.status === 'duplicate' ? 1 : 0 };
          };
        },
      }),
    readLedger: (ids) =>
      trace.share({
        ...statement('select', 'select', 'ledger', ids),
        run: () => database.readLedger(ids),
        describe: (found) => ({ 'ism.ledger.hits': found.size }),
        describeOwn: (found) => (id) => ({ 'ism.ledger.hits': found.has(id) ? 1 : 0 }),
      }),
    markForwarded: (ids) =>
      trace.share({ ...statement('update', 'update', 'ledger', ids), run: () => database.markForwarded(ids) }),
    recordHandled: (handled) =>
      trace.share({
        ...statement('insert', 'insert', 'ledger', handled.map(idOf)),
        run: () => database.recordHandled(handled),
      }),
    readPage: (request) => {
      const { name, ...options } = statement('select', 'select', 'state_column_data', [], {
        'ism.state.id': request.stateId,
      });
      return withSpan(name, trace.work, options, async ({ span }) => {
        const page = await database.readPage(request);
        span.setAttributes({ 'ism.offset': request.offset, 'db.response.returned_rows': page.rows.length });
        return page;
      });
    },
  };
};

type Statement = Pick<SharedWork<unknown>, 'name' | 'deliveryIds'> &
  Required<Pick<SharedWork<unknown>, 'kind' | 'attributes'>>;

/** The span of one statement, by the semantic conventions of databases. */
const statement = (
  verb: string,
  operation: string,
  table: string,
  deliveryIds: readonly string[],
  attributes: Attributes = {},
): Statement => ({
  name: `${verb} ${table}`,
  kind: SpanKind.CLIENT,
  attributes: {
    'db.system.name': 'postgresql',
    'db.operation.name': operation,
    'db.collection.name': table,
    ...(deliveryIds.length > 1 ? { 'db.operation.batch.size': deliveryIds.length } : {}),
    ...attributes,
  },
  deliveryIds,
});

const idOf = ({ id }: { readonly id: string }): string => id;
