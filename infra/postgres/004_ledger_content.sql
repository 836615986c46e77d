-- What earlier ledgers lack. Rows that are there stay without it: what is not known counts as the same message. Adding
-- a column that is null writes no row again; checked first, because it takes the table's strongest lock all the same.

do $$ begin
  if not exists (
    select from pg_attribute
    where attrelid = 'state_sync.ledger'::regclass and attname = 'content_hash' and not attisdropped
  ) then
    alter table state_sync.ledger add column content_hash bytea;
  end if;
end $$;
