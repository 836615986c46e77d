export interface SchemaOptions {
  /** Schema of the shared tables; default: unqualified, found through the search_path. One per project on Citus. */
  readonly tableSchema?: string;
  /** Schema of the ledger; default `state_sync`. */
  readonly ledgerSchema?: string;
}

/** The tables as they are written in SQL: quoted, and qualified if a schema is configured. */
export interface TableNames {
  readonly state: string;
  readonly stateConfig: string;
  readonly keyDefinition: string;
  readonly column: string;
  readonly cell: string;
  readonly mapping: string;
  readonly route: string;
  readonly processor: string;
  readonly provider: string;
  readonly ledger: string;
  readonly history: string;
  readonly audit: string;
  readonly letterEdit: string;
}

/** Quotes an identifier for SQL text; identifiers cannot be parameters. */
export const quoteIdentifier = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

export const tableNames = (options: SchemaOptions = {}): TableNames => {
  const prefix = options.tableSchema === undefined ? '' : `${quoteIdentifier(options.tableSchema)}.`;
  const ownPrefix = quoteIdentifier(options.ledgerSchema ?? 'state_sync');
  return {
    state: `${prefix}state`,
    stateConfig: `${prefix}state_config`,
    keyDefinition: `${prefix}state_column_key_definition`,
    column: `${prefix}state_column`,
    cell: `${prefix}state_column_data`,
    mapping: `${prefix}state_column_data_mapping`,
    route: `${prefix}processor_state`,
    processor: `${prefix}processor`,
    provider: `${prefix}processor_provider`,
    ledger: `${ownPrefix}.ledger`,
    history: `${ownPrefix}.history`,
    audit: `${ownPrefix}.audit`,
    letterEdit: `${ownPrefix}.letter_edit`,
  };
};
