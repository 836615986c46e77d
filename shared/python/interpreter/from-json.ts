import {
  entriesOf,
  isJsonArray,
  JsonFloat,
  type JsonArray,
  type JsonObject,
  type JsonValue,
} from '../../json/json-value.ts';
import { hashKey } from '../objects/hash-key.ts';
import { type Entries, PyDict, PyEnum, PyList, PyRecord, type PyValue, type Run } from '../objects/object.ts';
import { ScopeEnum, ScopeRecord, type ScopeValue } from '../scope.ts';

/**
 * The scope's values as values of the language, for all evaluations of a delivery. A list or object is converted one level
 * at a time, when it is first looked into, and once: `data` has all rows of the delivery, and every row sees it. What was
 * made of a variable is dropped when it stands for something else, as `query_state` does for every row.
 *
 * An evaluation that changes a list or dictionary gets a copy ({@link own}); what it did is undone after it
 * ({@link restore}), unlike in the reference, where it changes the row.
 */
export class ScopeValues {
  readonly #variables = new Map<string, { readonly source: ScopeValue; readonly value: PyValue }>();
  #changed: (() => void)[] = [];
  #owned = new Set<PyList | PyDict>();
  /** The evaluation that is under way: it pays for what it looks into first. */
  #run: Run | undefined;

  /** From here on an evaluation pays for conversions. */
  enter(run: Run): void {
    this.#run = run;
  }

  /** The value of a variable. */
  variable(name: string, source: ScopeValue): PyValue {
    const known = this.#variables.get(name);
    if (known !== undefined && known.source === source) return known.value;
    const value = this.#ofScope(source, new WeakMap());
    this.#variables.set(name, { source, value });
    return value;
  }

  own(value: PyList | PyDict): void {
    if (!value.isShared || this.#owned.has(value)) return;
    this.#owned.add(value);
    if (value.kind === 'list') {
      const { items } = value;
      this.#run!.meter.items(items.length);
      value.items = [...items];
      this.#changed.push(() => (value.items = items));
    } else {
      const { entries } = value;
      this.#run!.meter.spend('entry', entries.size);
      value.entries = new Map(entries);
      this.#changed.push(() => (value.entries = entries));
    }
  }

  /** Ends an evaluation: everything is as it was before it. */
  restore(): void {
    if (this.#owned.size === 0) return;
    for (const undo of this.#changed) undo();
    this.#changed = [];
    this.#owned = new Set();
  }

  #ofScope(source: ScopeValue, converted: Converted): PyValue {
    if (source instanceof ScopeEnum) return new PyEnum(source.typeName, source.member);
    if (!(source instanceof ScopeRecord)) return this.#ofJson(source, converted, 0);
    return once(converted, source, () => {
      this.#run!.meter.spend('entry', source.attributes.size);
      return new PyRecord(
        new Map(Array.from(source.attributes, ([name, member]) => [name, this.#ofScope(member, converted)])),
        source.typeName,
      );
    });
  }

  #ofJson(value: JsonValue, converted: Converted, depth: number): PyValue {
    if (value === null || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'bigint')
      return value;
    if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
    if (value instanceof JsonFloat) return value.value;
    const inner = this.#run!.meter.deeper(depth);
    return once(converted, value, () =>
      isJsonArray(value)
        ? new PyList(() => this.#items(value, converted, inner), true)
        : new PyDict(() => this.#entries(value, converted, inner), true),
    );
  }

  #items(value: JsonArray, converted: Converted, depth: number): PyValue[] {
    const { meter } = this.#run!;
    meter.charge(value.length);
    meter.spend('item', value.length * 8);
    return value.map((item) => this.#ofJson(item, converted, depth));
  }

  #entries(value: JsonObject, converted: Converted, depth: number): Entries {
    const run = this.#run!;
    const entries: Entries = new Map();
    for (const [key, member] of entriesOf(value)) {
      run.meter.spend('entry', 1);
      entries.set(hashKey(run, key), { key, value: this.#ofJson(member, converted, depth) });
    }
    return entries;
  }
}

/** The lists and objects of one variable that were looked into, by what they were made of. */
type Converted = WeakMap<object, PyValue>;

const once = (converted: Converted, source: object, make: () => PyValue): PyValue => {
  const known = converted.get(source);
  if (known !== undefined) return known;
  const made = make();
  converted.set(source, made);
  return made;
};
