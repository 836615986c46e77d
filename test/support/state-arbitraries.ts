import * as fc from 'fast-check';

/* Few names, so that keys, columns, aliases and paths meet. */
const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'A', 'a.b', 'b c', 'First Name', 'state_key') },
  { weight: 2, arbitrary: fc.constantFrom('', '!', '0', '7', '__proto__', 'İ', 'é', 'x\u0301', 'state_key_plain') },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 4 }) },
);

const numberText = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '1',
    '-1',
    '1.0',
    '1e2',
    '1E-5',
    '-0.0',
    '1e16',
    '123456789012345678901234567890',
    '2.50',
    '1e400',
  ),
  fc.constantFrom(
    '9007199254740993',
    '1.7976931348623157e308',
    '5e-324',
    '0.1',
    '123456.789',
    '1e15',
    '9.999e-5',
    'NaN',
    '-Infinity',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);

const text = fc.oneof(
  fc.constantFrom('', 'x', "it's", 'a "b"', '{a}', 'v {b} {c}', 'new\nline', '\\n', 'é', '😀', 'null', '{x}', 'a,b'),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);

const scalarText = fc.oneof(
  fc.constantFrom('null', 'true', 'false'),
  numberText,
  text.map((value) => JSON.stringify(value)),
);

const members = (value: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(key, value), { maxLength })
    .map((pairs) => `{${pairs.map(([name, item]) => `${JSON.stringify(name)}: ${item}`).join(', ')}}`);

/** A JSON value as text: number literals as producers write them, keys that come twice. */
const valueText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalarText,
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    members(tie('value'), 3),
  ),
})).value;

const oneKind = (item: fc.Arbitrary<string>): fc.Arbitrary<string> => {
  const flat = fc.array(fc.oneof({ weight: 6, arbitrary: item }, { weight: 1, arbitrary: fc.constant('null') }), {
    maxLength: 4,
  });
  return fc
    .oneof(
      flat,
      fc.array(
        flat.map((items) => `[${items.join(',')}]`),
        { maxLength: 2 },
      ),
    )
    .map((items) => `[${items.join(',')}]`);
};

/** A list that an array of the database could be, as text. */
export const listText: fc.Arbitrary<string> = fc.oneof(
  oneKind(numberText),
  oneKind(fc.constantFrom('true', 'false')),
  oneKind(text.map((value) => JSON.stringify(value))),
  oneKind(fc.oneof(numberText, fc.constantFrom('true', '"x"'))),
);

/** An entry of `query_state`, as text. */
export const entryText: fc.Arbitrary<string> = members(fc.oneof(scalarText, valueText), 5);

const definition = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'first_name', 'First Name', 'zz'),
  alias: fc.constantFrom(null, '', 'b', 'alias', 'Raw Alias', '!'),
  required: fc.boolean(),
});

export interface GeneratedColumn {
  readonly name: string;
  readonly data_type: string;
  readonly value: string | null;
  readonly callable: boolean;
  readonly display_order: number | null;
}

/** Expressions as users write them, over whatever the row holds. */
const expressionText = fc.constantFrom(
  "query_state['a']",
  "query_state.get('b', 'none')",
  'str(query_state)',
  'len(query_state)',
  "repr(query_state.get('a'))",
  "query_state['a'] + query_state['b']",
  "query_state['a'] * 2",
  "query_state['a'] / 3",
  "query_state['a'] // 2 if query_state['a'] else -1",
  "query_state['a'] > query_state.get('b', 0)",
  "f\"{query_state.get('a')!r:>12}|{query_state.get('b')}\"",
  "'%s-%r' % (query_state.get('a'), query_state.get('b'))",
  "str(query_state.get('a')).upper().split(',')",
  "query_state['a'][0]",
  "query_state['a']['b'] or 'falsy'",
  'query_state.zz',
  "[x for x in query_state['a']]",
  'str(len(id)) + state_type',
  "hashit(str(query_state.get('a')))",
  "round(float(query_state['a']), 2)",
  "int(query_state['a'])",
  'not query_state',
  '1 +',
);

const expressionColumn = fc.record({
  name: fc.constantFrom('e', 'a', 'f'),
  data_type: fc.constantFrom('str', 'json'),
  value: expressionText,
  callable: fc.constant(true),
  display_order: fc.constant(null),
});

const plainColumn: fc.Arbitrary<GeneratedColumn> = fc.record({
  callable: fc.constant(false),
  name: fc.constantFrom('a', 'b', 'a_b', 'First Name', 'first_name', 'k', 'state_key'),
  data_type: fc.constantFrom('str', 'int', 'float', 'bool', 'json'),
  value: fc.constantFrom(null, null, null, '', '0', 'K'),
  display_order: fc.constantFrom(null, 0, 3),
});

const column: fc.Arbitrary<GeneratedColumn> = fc.oneof(
  { weight: 3, arbitrary: plainColumn },
  { weight: 1, arbitrary: expressionColumn },
);

const sometimes = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.array(value, { minLength: 1, maxLength: 2 }) },
  );

const distinct = <T extends { readonly name: string }>(items: fc.Arbitrary<readonly T[]>): fc.Arbitrary<readonly T[]> =>
  items.map((list) => [...new Map(list.map((item) => [item.name, item])).values()]);

/** A state as its tables describe it, and properties as the user interface and older versions wrote them. */
export const generatedState = fc.record({
  columns: distinct(sometimes(column)),
  primary_key: distinct(sometimes(definition)),
  remap: distinct(fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: sometimes(definition) })),
  template_columns: distinct(
    fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: sometimes(definition) }),
  ),
  properties: fc.oneof(
    fc.constant(null),
    fc.constant({}),
    fc.record(
      {
        persistence: fc.oneof(
          fc.constant(null),
          fc.record(
            {
              mode: fc.constantFrom('individual_rows', 'individual_rows', 'clob', 'disabled', 'json_column', '', null),
              flatten: fc.constantFrom('dot_notation', 'json_string', 'none', '', null),
              storage_class: fc.constantFrom('database', null),
            },
            { requiredKeys: [] },
          ),
        ),
        inheritance: fc.record(
          {
            mode: fc.constantFrom('all', 'other', null),
            require_primary_key: fc.constantFrom(true, false, null, 'yes', 0),
          },
          { requiredKeys: [] },
        ),
        execution: fc.record({ strategy: fc.constantFrom('batch', 'parallel', null) }, { requiredKeys: [] }),
        output: fc.record({ enrichments: fc.constantFrom(null, [], ['prompts']) }, { requiredKeys: [] }),
        unknown: fc.constant(1),
      },
      { requiredKeys: [] },
    ),
  ),
});

export type GeneratedState = typeof generatedState extends fc.Arbitrary<infer T> ? T : never;
