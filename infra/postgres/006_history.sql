-- What the operator's charts show: one row for each minute in which something happened and each source that tells of it (a run
-- of a connector, the ledger). `manage` writes it and removes it after eight days; no function waits for it.

-- Asked first, as `if not exists` needs the right to create even where nothing is created.
do $$ begin
  if to_regclass('state_sync.history') is null then
    create table state_sync.history (
      minute timestamptz not null,
      source text collate "C" not null,
      counts jsonb not null,
      constraint history_pkey primary key (minute, source)
    );
  end if;
end $$;
