-- Before a large load: store without the trigram index, build it at once afterwards (backfill.down.sql).
drop index concurrently if exists state_column_data_trgm_idx;
