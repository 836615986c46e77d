import type { JsonObject, JsonValue } from '../json/json-value.ts';

/** A key definition (reference.md C), in the order of its id. */
export interface KeyDefinition {
  readonly name: string;
  readonly alias: string | null;
  readonly required: boolean;
  readonly callable: boolean;
}

/** A stored column, in load order (by id). */
export interface ColumnDefinition {
  /** Absent until the column exists in the database. */
  readonly id?: string;
  readonly name: string;
  /** `str`, `int`, `float`, `bool`, `json`; null if the table holds null (treated as `str`). */
  readonly dataType: string;
  readonly displayOrder: number | null;
  /** A constant, or an expression if `callable`; null or empty means neither. */
  readonly value: string | null;
  readonly callable: boolean;
}

/** All that is known of a state before a plan: read once, cached briefly, never written from the data path. */
export interface StateModel {
  readonly id: string;
  readonly projectId: string | null;
  readonly stateType: string;
  /** `state_config` attributes, text as stored. */
  readonly config: Readonly<Record<string, string | null>>;
  /** The raw `properties` object (null, or `{}` if there is none). */
  readonly properties: JsonObject | null;
  readonly columns: readonly ColumnDefinition[];
  readonly primaryKey: readonly KeyDefinition[];
  readonly remap: readonly KeyDefinition[];
  readonly templateColumns: readonly KeyDefinition[];
}

/** A `processor_state` row: one edge between a state and a processor. */
export interface Route {
  readonly id: string;
  readonly processorId: string;
  readonly stateId: string;
  readonly direction: 'INPUT' | 'OUTPUT';
  readonly status: string | null;
  readonly count: number | null;
  readonly currentIndex: number | null;
  readonly maximumIndex: number | null;
}

export interface Processor {
  readonly id: string;
  readonly providerId: string | null;
  readonly projectId: string;
  readonly name: string | null;
  readonly status: string;
  readonly properties: JsonObject | null;
}

export interface Provider {
  readonly id: string;
  readonly name: string | null;
  readonly version: string | null;
  readonly className: string | null;
  readonly userId: string | null;
  readonly projectId: string | null;
}

/** One applied row: column name -> value, in column order of first appearance. */
export type Row = ReadonlyMap<string, JsonValue>;
