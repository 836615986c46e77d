import * as fc from 'fast-check';
import { JsonFloat, type JsonValue } from '../../shared/json/json-value.ts';

/** Floats of every kind that the reader tells apart: integral ones are wrapped, others and non-finite ones are not. */
export const floatValue: fc.Arbitrary<number | JsonFloat> = fc
  .oneof(
    fc.double(),
    fc.integer().map((value) => value * 1),
    fc.constantFrom(1e15, 1e16, 1e21, 1e22, 1e-4, 1e-5, 9.999e-5, 5e-324, 1.7976931348623157e308, -0, 0.1, 123456.789),
  )
  .map((value) => (Number.isInteger(value) ? new JsonFloat(value) : value));

export const integerValue: fc.Arbitrary<number | bigint> = fc.oneof(
  fc.maxSafeInteger().map((value) => value + 0),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map((value) => {
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }),
);

/** Texts with quotes, escapes, control characters, marks, pairs and lone surrogates. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom('"', "'", '\\', '\n', '\u0000', '\u007f', '\u00a0', '\ud800', '\udc00', '😀', 'a', '1', '.', ' '),
    )
    .map((parts) => parts.join('')),
);

export const scalarValue: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  anyText,
  integerValue,
  floatValue,
);

const keyText = fc.oneof(anyText, fc.constantFrom('a', 'b', '1', '0', '42', '007', '__proto__', 'constructor', ''));

/** Any value; objects as maps, whose order is what was generated. */
export const jsonValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalarValue,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(keyText, tie('value')), { maxLength: 5 }).map((members) => new Map(members)),
  ),
})).value;
