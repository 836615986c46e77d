import type { DatabasePool } from '../../shared/postgres/database.ts';
import { createState } from '../support/state-fixture.ts';
import { computedColumn } from './hostile.ts';
import { refusedNote, type ChaosState, type StatePlan } from './history.ts';

/** Two processors behind every state that forwards: one stream keeps what is read, the other forgets it. */
export const processors = [
  { providerId: 'chaos/processors/kept', stream: 'chaos_kept', subject: 'chaos.kept' },
  { providerId: 'chaos/processors/queue', stream: 'chaos_queue', subject: 'chaos.queue' },
] as const;

/** Once per database: the providers, and a rule of the installation that the store knows nothing of. */
export const prepareDatabase = async (pool: DatabasePool): Promise<void> => {
  for (const { providerId } of processors) {
    await pool.query(
      `insert into processor_provider (id, name, version, class_name) values ($1, $1, '1.0', 'Chaos') on conflict do nothing`,
      [providerId],
    );
  }
  await pool.query(
    `alter table state_column_data add constraint chaos_refuses check (data_value is distinct from '${refusedNote}')`,
  );
};

/** New states for a round, each with its processors, as the user interface writes them. */
export const createStates = async (pool: DatabasePool, plans: readonly StatePlan[]): Promise<readonly ChaosState[]> => {
  const states: ChaosState[] = [];
  for (const plan of plans) {
    const fixture = await createState(pool, {
      properties: {
        persistence: { mode: 'individual_rows' },
        ...(plan.dispatch === null ? {} : { routing: { mode: 'after_save', dispatch: plan.dispatch } }),
        ...(plan.dedupe ? { dedup_enabled: true } : {}),
      },
      ...(plan.keyed ? { primaryKey: ['message', 'row'] } : {}),
      ...(plan.computed === true ? { columns: [computedColumn] } : {}),
      processorsBehind: plan.dispatch === null ? 0 : processors.length,
    });
    for (const [index, routeId] of fixture.inputRouteIds.entries()) {
      await pool.query(
        `update processor set provider_id = $2 where id = (select processor_id from processor_state where id = $1)`,
        [routeId, processors[index % processors.length]!.providerId],
      );
    }
    states.push({ ...plan, ...fixture });
  }
  return states;
};
