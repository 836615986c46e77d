/** Rows that one message may become when its lists expand; beyond, it is refused as `too_many_rows`. */
export const maxRowsPerMessage = 10_000;

/** Cells (rows times columns) of one message: rows are copied as their lists expand, so width counts as well. */
export const maxCellsPerMessage = 2_000_000;

/** What one message may expand to (`expansion_too_large`) where no setting says otherwise: texts of cells and 16 bytes for each. */
export const maxExpandedBytes = 64 * 1024 * 1024;

/** Columns that a state may get from data if no setting says otherwise. Each is a row of its table, and a cell for every later row. */
export const maxStateColumns = 1_000;

/** `state.count` is an `int`: no state has more rows. */
export const maxStateRows = 2_147_483_647;

/** `state_column.name` and `state_column_data_mapping.state_key` are `varchar(255)`: characters, not bytes. */
export const maxNameCharacters = 255;
