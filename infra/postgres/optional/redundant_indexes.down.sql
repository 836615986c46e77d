create index concurrently if not exists state_column_data_column_idx on state_column_data (column_id);
create index concurrently if not exists state_column_data_mapping_state_idx on state_column_data_mapping (state_id);
