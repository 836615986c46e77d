-- What operators did: replays, purges, edits, repairs, pauses. Rows past a year are removed by the next one that is written.

do $$ begin
  if to_regclass('state_sync.audit') is null then
    create table state_sync.audit (
      id bigserial not null primary key,
      at timestamptz not null default now(),
      -- Who, as far as it is known: a user of the command line, or of the page as a proxy before it names them.
      actor varchar(255) not null,
      -- The command, such as dead.replay.
      action varchar(60) not null,
      -- What it was asked to do it to; never a payload.
      target jsonb not null,
      -- How many messages, rows or things it was done to.
      affected bigint not null
    );
  end if;
end $$;

do $$ begin
  if to_regclass('state_sync.audit_at_idx') is null then
    create index audit_at_idx on state_sync.audit (at);
  end if;
end $$;
