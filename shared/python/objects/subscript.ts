import { codePointLength, codePoints, sliceText } from './str/code-points.ts';
import { integerOf } from './number.ts';
import { positionIn } from './sequence.ts';
import { memberOfDict } from './dict.ts';
import { indexError, typeError } from './python-error.ts';
import { PyBytes, PyList, PyRange, PySlice, PyTuple, type PyValue, type Run } from './object.ts';
import { slicePositions } from './slice.ts';
import { typeName } from './type-name.ts';

/** `value[key]`. Throws `KeyError`, `IndexError`, `TypeError`. */
export const subscript = (run: Run, value: PyValue, key: PyValue): PyValue => {
  run.meter.charge(1);
  if (typeof value === 'string') return ofText(run, value, key);
  if (typeof value === 'object' && value !== null) {
    switch (value.kind) {
      case 'dict':
        return memberOfDict(run, value, key);
      case 'list':
      case 'tuple': {
        if (!isSlice(key)) {
          return value.items[positionIn(key, value.items.length, value.kind, `${value.kind} index out of range`)]!;
        }
        const items = picked(run, value.items, slicePositions(key, BigInt(value.items.length)));
        return value.kind === 'list' ? new PyList(items) : new PyTuple(items);
      }
      case 'bytes':
        if (isSlice(key)) {
          return new PyBytes(
            Uint8Array.from(picked(run, value.bytes, slicePositions(key, BigInt(value.bytes.length)))),
          );
        }
        return BigInt(value.bytes[positionIn(key, value.bytes.length, 'byte', 'index out of range')]!);
      case 'range':
        return ofRange(value, key);
      case 'type':
        throw typeError(`type '${value.name}' is not subscriptable`);
      default:
    }
  }
  throw typeError(`'${typeName(value)}' object is not subscriptable`);
};

const ofText = (run: Run, text: string, key: PyValue): string => {
  if (!isSlice(key)) {
    if (integerOf(key) === undefined) throw typeError(`string indices must be integers, not '${typeName(key)}'`);
    const position = positionIn(key, codePointLength(run, text), 'string', 'string index out of range');
    return sliceText(run, text, position, position + 1);
  }
  const positions = slicePositions(key, BigInt(codePointLength(run, text)));
  if (positions.step === 1n) {
    const start = Number(positions.start);
    return sliceText(run, text, start, start + Number(positions.length));
  }
  return picked(run, codePoints(run, text), positions).join('');
};

const isSlice = (value: PyValue): value is PySlice => value instanceof PySlice;

const picked = <Item>(run: Run, items: ArrayLike<Item>, positions: PyRange): Item[] => {
  run.meter.items(Number(positions.length));
  const result: Item[] = [];
  let index = Number(positions.start);
  const step = positions.length > 1n ? Number(positions.step) : 1;
  for (let left = Number(positions.length); left > 0; left -= 1, index += step) result.push(items[index]!);
  return result;
};

const ofRange = (range: PyRange, key: PyValue): PyValue => {
  if (isSlice(key)) {
    const positions = slicePositions(key, range.length);
    const at = (index: bigint): bigint => range.start + index * range.step;
    return new PyRange(at(positions.start), at(positions.stop), range.step * positions.step);
  }
  const index = integerOf(key);
  if (index === undefined) throw typeError(`range indices must be integers or slices, not ${typeName(key)}`);
  const position = index < 0n ? index + range.length : index;
  if (position < 0n || position >= range.length) throw indexError('range object index out of range');
  return range.start + position * range.step;
};
