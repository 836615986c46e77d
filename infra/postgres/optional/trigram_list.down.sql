alter index if exists state_column_data_trgm_idx reset (gin_pending_list_limit);
select gin_clean_pending_list(i) from to_regclass('state_column_data_trgm_idx') i where i is not null;
