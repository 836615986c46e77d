-- Our own schema: the ledger that makes a redelivery store nothing. "state_sync" is replaced where another name is
-- configured. The ids are compared for equality only, so they collate as bytes: smaller and faster.

-- Not `create schema if not exists`: that needs the right to create one even where it exists.
do $$ begin
  if to_regnamespace('state_sync') is null then
    create schema state_sync;
  end if;
end $$;

-- Asked first, as `if not exists` needs the right to create even where nothing is created.
do $$ begin
  if to_regclass('state_sync.ledger') is null then
    create table state_sync.ledger (
      -- Identity of the delivery (stream-scoped message id, or stream/sequence@timestamp).
      message_id text collate "C" not null constraint ledger_pkey primary key,
      -- Null: handled by a function that stores no rows.
      state_id varchar(36),
      -- First position of its rows; null where it stored none.
      start_index bigint,
      row_count int not null default 0,
      -- Whether every forward has been confirmed by the broker: a redelivery then has nothing left to do.
      forwarded boolean not null default false,
      applied_at timestamptz not null default now(),
      -- 128 bits of the SHA-256 of its payload: another message under the same id is refused. Null: not known.
      content_hash bytea
    )
    -- Half of a page stays free for "forwarded = true": the new row version stays on the page and no index is touched, which
    -- makes noting forwards a third faster; the table is no larger, as the old versions would have taken that room elsewhere.
    with (fillfactor = 50);
  end if;
end $$;

-- Pruning walks from the oldest; appends only ever add at the right end of it.
do $$ begin
  if to_regclass('state_sync.ledger_applied_at_idx') is null then
    create index ledger_applied_at_idx on state_sync.ledger (applied_at);
  end if;
end $$;
