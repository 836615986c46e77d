import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../../shared/postgres/database.ts';

/** One processor behind the state: which one, and the route that leads to it. */
export interface DemoProcessor {
  readonly id: string;
  /** Resolved to a subject by routing.yaml. */
  readonly providerId: string;
  readonly routeId: string;
}

/** The ids of one run; every run has a state and processors of its own. */
export interface Workflow {
  readonly runId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly stateId: string;
  /** The processor that fills the state, through its OUTPUT route. */
  readonly producerId: string;
  readonly outputRouteId: string;
  /** Behind the state, through their INPUT routes. */
  readonly processors: readonly DemoProcessor[];
}

/** An exact selector of routing.yaml, and one that only its wildcard matches. */
const providerIds = ['demo/processors/echo-1.0', 'demo/processors/summary-1.0'] as const;

export const createWorkflow = (): Workflow => {
  const runId = randomUUID().slice(0, 8);
  const stateId = randomUUID();
  const producerId = randomUUID();
  return {
    runId,
    projectId: randomUUID(),
    userId: randomUUID(),
    stateId,
    producerId,
    outputRouteId: `${producerId}:${stateId}`,
    processors: providerIds.map((providerId) => {
      const id = randomUUID();
      return { id, providerId, routeId: `${stateId}:${id}` };
    }),
  };
};

const properties = {
  persistence: { mode: 'individual_rows' },
  routing: { mode: 'after_save' },
};

/** A constant column and one that is computed from the row. */
const columns = [
  { name: 'source', dataType: 'str', callable: false, value: 'web' },
  {
    name: 'amount',
    dataType: 'int',
    callable: true,
    value: `int(query_state['quantity']) * int(query_state['unit_price'])`,
  },
] as const;

/** Writes the configuration of one run, as the user interface would: project, processors, state, columns, key, routes. */
export const insertWorkflow = async (database: Queryable, workflow: Workflow): Promise<void> => {
  const { userId, projectId, stateId, producerId, runId } = workflow;
  await database.query('insert into user_profile (user_id, name) values ($1, $2)', [userId, 'demo']);
  await database.query('insert into user_project (project_id, project_name, user_id) values ($1, $2, $3)', [
    projectId,
    `demo ${runId}`,
    userId,
  ]);
  for (const id of providerIds) {
    await database.query(
      `insert into processor_provider (id, name, version, class_name) values ($1, $1, '1.0', 'DemoProcessor')
       on conflict (id) do nothing`,
      [id],
    );
  }
  await database.query(
    'insert into state (id, project_id, state_type, properties) values ($1, $2, $3, $4::text::jsonb)',
    [stateId, projectId, 'StateConfig', JSON.stringify(properties)],
  );
  await database.query(`insert into state_config (state_id, attribute, data) values ($1, 'name', 'demo orders')`, [
    stateId,
  ]);
  await database.query(
    `insert into state_column_key_definition (state_id, name, alias, required, definition_type)
     values ($1, 'order_id', 'order_id', true, 'primary_key')`,
    [stateId],
  );
  for (const [order, column] of columns.entries()) {
    await database.query(
      `insert into state_column (state_id, name, data_type, callable, value, display_order)
       values ($1, $2, $3, $4, $5, $6)`,
      [stateId, column.name, column.dataType, column.callable, column.value, order],
    );
  }
  const processors = [
    { id: producerId, providerId: null, routeId: workflow.outputRouteId, direction: 'OUTPUT' },
    ...workflow.processors.map((processor) => ({ ...processor, direction: 'INPUT' })),
  ];
  for (const { id, providerId, routeId, direction } of processors) {
    await database.query(
      `insert into processor (id, provider_id, project_id, status, name) values ($1, $2, $3, 'CREATED', 'demo')`,
      [id, providerId, projectId],
    );
    await database.query(
      `insert into processor_state (id, processor_id, state_id, direction, status)
       values ($1, $2, $3, $4::text::processor_state_direction, 'CREATED')`,
      [routeId, id, stateId, direction],
    );
  }
};
