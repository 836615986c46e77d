-- More maintenance_work_mem makes this faster; 'alter role ... set maintenance_work_mem' works through a pooler too.
-- The extension may be in any schema.
select set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), quote_ident(n.nspname)), false)
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
create index concurrently if not exists state_column_data_trgm_idx
  on state_column_data using gin (data_value gin_trgm_ops);
