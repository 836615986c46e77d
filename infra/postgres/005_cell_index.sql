-- What tells two writers that one position cannot be taken twice. Installations of before October 2025 lack it. Building it
-- keeps writers out of the table for as long as it takes.

do $$
declare
  doubles bigint;
begin
  if exists (
    select from pg_index i
    where i.indrelid = to_regclass('state_column_data') and i.indisunique and i.indisvalid and i.indpred is null
      and i.indnkeyatts = 2 and (
        select array_agg(a.attname::text order by a.attname) from pg_attribute a
        where a.attrelid = i.indrelid and a.attnum in (i.indkey[0], i.indkey[1])) = array['column_id', 'data_index']
  ) then
    return;
  end if;
  select count(*) into doubles from (
    select from state_column_data group by column_id, data_index having count(*) > 1) as d;
  if doubles > 0 then
    raise exception 'state_column_data has % cells more than once, so its unique index cannot be built: keep one of each', doubles
      using hint = 'select column_id, data_index, array_agg(ctid) from state_column_data group by 1, 2 having count(*) > 1';
  end if;
  create unique index state_column_data_comp_ux on state_column_data (column_id, data_index);
end $$;
