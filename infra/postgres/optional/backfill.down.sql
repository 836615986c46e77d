-- More maintenance_work_mem makes this faster; 'alter role ... set maintenance_work_mem' works through a pooler too.
create index concurrently if not exists state_column_data_trgm_idx
  on state_column_data using gin (data_value public.gin_trgm_ops);
