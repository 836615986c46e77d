-- (column_id) is the front of state_column_data_comp_ux, (state_id) that of the mapping's primary key.
drop index concurrently if exists state_column_data_column_idx;
drop index concurrently if exists state_column_data_mapping_state_idx;
