-- Search short values only: names, ids, categories. Long texts are not indexed any more.
create index concurrently if not exists state_column_data_short_trgm_idx
  on state_column_data using gin (data_value public.gin_trgm_ops) where length(data_value) <= 64;
drop index concurrently if exists state_column_data_trgm_idx;
