-- The tables that the Alethic ISM services share: same names, types, keys and indexes as theirs, for a database that has
-- none yet. Where `state` exists this file does not run: an index that was dropped on purpose stays dropped.
-- Unqualified names: the schema is the connection's search_path (default: public).

-- Not `create extension if not exists`: where it is installed (Supabase: schema `extensions`) that needs rights all the same.
do $$ begin
  if not exists (select from pg_extension where extname = 'pg_trgm') then
    create extension pg_trgm with schema public;
  end if;
end $$;

do $$ begin
  create type processor_status as enum
    ('CREATED', 'ROUTE', 'ROUTED', 'QUEUED', 'RUNNING', 'COMPLETED', 'TERMINATE', 'STOPPED', 'FAILED');
exception when duplicate_object then null; end $$;

do $$ begin
  create type processor_state_direction as enum ('INPUT', 'OUTPUT');
exception when duplicate_object then null; end $$;

create table if not exists user_profile (
  user_id varchar(36) not null primary key,
  email varchar(255),
  created_date timestamp not null default current_timestamp,
  name varchar(255),
  max_agentic_units bigint not null default 1000
);

create table if not exists user_project (
  project_id varchar(36) not null primary key,
  project_name varchar(255) not null,
  user_id varchar(36) not null references user_profile (user_id),
  created_date timestamp not null default current_timestamp,
  updated_date timestamp not null default current_timestamp,
  unique (user_id, project_name)
);

create table if not exists state (
  id varchar(36) not null primary key,
  project_id varchar(36) references user_project (project_id),
  count int not null default 0,
  state_type varchar(255) not null default 'STATECONFIG',
  properties jsonb
);

create table if not exists state_config (
  state_id varchar(255) not null references state (id),
  attribute varchar(255) not null,
  data text,
  primary key (state_id, attribute)
);

create table if not exists state_column_key_definition (
  id serial not null primary key,
  state_id varchar(255) not null references state (id),
  name varchar(255) not null,
  alias varchar(255),
  required bool default false,
  callable bool default false,
  definition_type varchar(255) not null
);

create table if not exists state_column (
  id serial not null primary key,
  state_id varchar(36) not null references state (id),
  name varchar(255) not null,
  data_type varchar(64) default 'STR',
  required boolean default true,
  callable boolean default false,
  min_length int default 0,
  max_length int default 255,
  dimensions int default 384,
  value varchar(255),
  source_column_name varchar(255),
  display_order int default 0
);

create table if not exists state_column_data (
  column_id bigint not null references state_column (id),
  data_index bigint not null,
  data_value text,
  data_json_value jsonb
);

create table if not exists state_column_data_mapping (
  state_id varchar(36) not null,
  state_key varchar(255) not null,
  data_index bigint not null,
  primary key (state_id, state_key, data_index)
);

create table if not exists processor_provider (
  id varchar(255) primary key,
  name varchar(512) not null,
  version varchar(256) not null,
  class_name varchar(256) not null,
  user_id varchar(36) references user_profile (user_id),
  project_id varchar(36) references user_project (project_id),
  route jsonb,
  created_date timestamp not null default current_timestamp,
  updated_date timestamp
);

create table if not exists processor (
  id varchar(36) not null primary key,
  provider_id varchar(255) references processor_provider (id),
  project_id varchar(36) not null references user_project (project_id),
  status processor_status not null,
  properties jsonb,
  name varchar(255),
  created_date timestamp not null default current_timestamp,
  updated_date timestamp
);

create table if not exists processor_state (
  id varchar(73) not null unique,
  internal_id serial not null unique,
  processor_id varchar(36) not null constraint processor_state_processor_id_fk references processor (id),
  state_id varchar(36) not null constraint processor_state_state_id_fk references state (id),
  direction processor_state_direction not null,
  status processor_status not null,
  count int,
  current_index int,
  maximum_index int,
  edge_function jsonb,
  primary key (processor_id, state_id, direction)
);

create table if not exists monitor_log_event (
  log_id serial not null primary key,
  log_type varchar(255) not null,
  log_time timestamp not null default current_timestamp,
  internal_reference_id int,
  user_id varchar(36),
  project_id varchar(36),
  exception text,
  data text
);

create index if not exists state_project_idx on state (project_id);
create index if not exists state_config_state_idx on state_config (state_id);
create index if not exists state_column_key_definition_state_idx on state_column_key_definition (state_id);
create unique index if not exists state_column_key_definition_state_name_type_idx
  on state_column_key_definition (state_id, name, definition_type);
create unique index if not exists state_column_unique_key on state_column (id, state_id);
create unique index if not exists state_column_state_name_ux on state_column (state_id, name);
create index if not exists state_column_state_idx on state_column (state_id);
create unique index if not exists state_column_data_comp_ux on state_column_data (column_id, data_index);
create index if not exists state_column_data_column_idx on state_column_data (column_id);
do $$ begin
  execute format(
    'create index if not exists state_column_data_trgm_idx on state_column_data using gin (data_value %I.gin_trgm_ops)',
    (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm'));
end $$;
create index if not exists state_column_data_json_idx on state_column_data using gin (data_json_value)
  where data_json_value is not null;
create index if not exists state_column_data_mapping_state_idx on state_column_data_mapping (state_id);
create index if not exists processor_project_idx on processor (project_id);
create index if not exists processor_state_processor_direction_idx on processor_state (processor_id, direction);
create index if not exists processor_state_state_direction_idx on processor_state (state_id, direction);
create index if not exists processor_state_processor on processor_state (processor_id);
create index if not exists processor_state_state on processor_state (state_id);
create index if not exists monitor_log_event_user_id on monitor_log_event (user_id);
create index if not exists monitor_log_event_project_id on monitor_log_event (project_id);
create index if not exists monitor_log_event_user_and_project_id on monitor_log_event (user_id, project_id);

-- Kept for other writers of these tables: an id is accepted only for the state that it belongs to.
create or replace function validate_column_id(new_id bigint, new_state_id varchar) returns bigint
language plpgsql as $$
declare
  owner varchar;
begin
  select state_id into owner from state_column where id = new_id;
  if owner is null then
    return null;
  elsif owner = new_state_id then
    return new_id;
  end if;
  raise exception 'column id % belongs to another state', new_id;
end $$;
