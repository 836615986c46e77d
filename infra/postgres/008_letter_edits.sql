-- Dead letters that were sent with other content: what they were and what was sent. Rows past a year are removed by the next one.

do $$ begin
  if to_regclass('state_sync.letter_edit') is null then
    create table state_sync.letter_edit (
      -- The identity of the new message.
      identity text not null primary key,
      -- The identity of the message that was given up, and where its dead letter was.
      edited_from text not null,
      sequence bigint not null,
      at timestamptz not null default now(),
      actor varchar(255) not null,
      -- Why it was given up.
      code varchar(60) not null,
      reason text not null,
      -- The whole content before and after.
      before bytea not null,
      after bytea not null
    );
  end if;
end $$;

do $$ begin
  if to_regclass('state_sync.letter_edit_from_idx') is null then
    create index letter_edit_from_idx on state_sync.letter_edit (edited_from);
  end if;
end $$;
