import type { Fault } from '../faults.ts';
import { brokerFaults } from './broker-faults.ts';
import { connectorFaults } from './connector-faults.ts';
import { databaseFaults } from './database-faults.ts';

/** Faults that only three brokers, two database servers or several connectors can have. */
export const clusterFaults: readonly Fault[] = [...brokerFaults, ...databaseFaults, ...connectorFaults];
