create index concurrently if not exists state_column_data_trgm_idx
  on state_column_data using gin (data_value public.gin_trgm_ops);
drop index concurrently if exists state_column_data_short_trgm_idx;
