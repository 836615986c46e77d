-- Columns that installations older than 2026 lack. Checked first: `add column if not exists` takes the table's strongest
-- lock and asks for its owner, even where there is nothing to do.

do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('state', 'properties'),
      ('state_column', 'display_order'),
      ('state_column_data', 'data_json_value'),
      ('processor', 'properties'),
      ('processor', 'name')
    ) as columns (table_name, column_name)
  loop
    if not exists (
      select from pg_attribute
      where attrelid = to_regclass(wanted.table_name) and attname = wanted.column_name and not attisdropped
    ) then
      execute format('alter table %I add column %I %s', wanted.table_name, wanted.column_name,
        case wanted.column_name when 'name' then 'varchar(255)' when 'display_order' then 'int default 0' else 'jsonb' end);
    end if;
  end loop;
end $$;
