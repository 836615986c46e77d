import type { TableNames } from '../postgres/table-names.ts';

/** One state with everything that belongs to it; names and types are those of `StateModel`. $1 state. */
export const stateStatement = (tables: TableNames): string => `
select s.id, s.project_id, s.state_type, s.properties::text as properties,
       (select json_object_agg(g.attribute, g.data order by g.attribute)
          from ${tables.stateConfig} g where g.state_id = s.id) as config,
       (select json_agg(json_build_object(
                 'id', c.id::text, 'name', c.name, 'dataType', coalesce(c.data_type, 'str'),
                 'displayOrder', c.display_order, 'value', c.value, 'callable', coalesce(c.callable, false)) order by c.id)
          from ${tables.column} c where c.state_id = s.id and c.name <> '') as columns,
       (select json_agg(json_build_object(
                 'name', k.name, 'alias', k.alias, 'required', coalesce(k.required, false),
                 'callable', coalesce(k.callable, false), 'definitionType', k.definition_type) order by k.id)
          from ${tables.keyDefinition} k
         where k.state_id = s.id
           and k.definition_type in ('primary_key', 'remap_query_state_columns', 'template_columns')) as keys
  from ${tables.state} s where s.id = $1`;

/** Routes, as `Route` names them; the condition follows. */
export const routeStatement = (tables: TableNames): string => `
select id, processor_id as "processorId", state_id as "stateId", direction::text, status::text, count,
       current_index as "currentIndex", maximum_index as "maximumIndex"
  from ${tables.route}`;
