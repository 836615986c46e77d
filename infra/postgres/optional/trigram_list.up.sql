-- New cells wait in a list before they are sorted into the trigram index. Whoever fills it sorts all of them in. With room for more,
-- another session can do that first: it must run all the time (README.md, "Who sorts new cells in"), else searches read up to 32 MB more.
alter index if exists state_column_data_trgm_idx set (gin_pending_list_limit = 32768);
