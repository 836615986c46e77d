import type { Meter } from '../meter/meter.ts';
import type { MersenneTwister } from '../numeric/mersenne-twister.ts';

/**
 * A value of the interpreted language. An integer is a `bigint`, a float a `number`: Python's two number types never mix
 * up, whatever the value. Objects of the host never come in: JSON is copied into these classes.
 */
export type PyValue = null | boolean | bigint | number | string | PyObject;

export type PyObject =
  | PyBytes
  | PyList
  | PyTuple
  | PyDict
  | PySet
  | PyRange
  | PySlice
  | PyIterator
  | PyDictView
  | PyFunction
  | PyType
  | PyNamespace
  | PyRecord
  | PyEnum
  | PyException
  | PyOpaque;

/** What one evaluation carries along: its bounds, its time, its random numbers, and the way to call a lambda. */
export interface Run {
  readonly meter: Meter;
  /** The delivery's timestamp. */
  readonly nowMs: number;
  /** Made at first use: seeding costs more than most expressions. */
  random(): { current: MersenneTwister };
  /** A number of the object within this evaluation: what tells two lambdas in a tuple apart, and `id()`. */
  identify(value: object): number;
  call(callee: PyValue, args: readonly PyValue[], named?: NamedArguments): PyValue;
  /** Called before a list or dictionary is changed: one of the scope gets a copy, and has its old content back afterwards. */
  own(value: PyList | PyDict): void;
}

export type NamedArguments = ReadonlyMap<string, PyValue>;
export const noNamed: NamedArguments = new Map();
export type NativeCall = (run: Run, args: readonly PyValue[], named: NamedArguments) => PyValue;
/** A method: the receiver is passed first. */
export type Method<Self extends PyValue> = (
  run: Run,
  self: Self,
  args: readonly PyValue[],
  named: NamedArguments,
) => PyValue;
export type MethodTable<Self extends PyValue> = ReadonlyMap<string, Method<Self>>;

export class PyBytes {
  readonly kind = 'bytes';
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** Items or entries that are made when they are first asked for: a variable that nobody looks into costs nothing. */
export type Lazy<Content> = Content | (() => Content);

/**
 * A list. One that stands for a list of the scope is converted at first use and shared by the evaluations of a delivery:
 * whoever changes it asks {@link Run.own} first.
 */
export class PyList {
  readonly kind = 'list';
  readonly isShared: boolean;
  #items: PyValue[] | undefined;
  readonly #load: (() => PyValue[]) | undefined;
  constructor(items: Lazy<PyValue[]>, isShared = false) {
    this.isShared = isShared;
    if (typeof items === 'function') this.#load = items;
    else this.#items = items;
  }
  get items(): PyValue[] {
    return (this.#items ??= this.#load!());
  }
  set items(items: PyValue[]) {
    this.#items = items;
  }
}

export class PyTuple {
  readonly kind = 'tuple';
  readonly items: readonly PyValue[];
  constructor(items: readonly PyValue[]) {
    this.items = items;
  }
}

/**
 * What a dictionary or set files a value under. Equal numbers of all three types share the integer; texts are
 * themselves; tuples and bytes are texts behind a NUL, and texts that begin with NUL are moved out of their way.
 */
export type HashKey = null | bigint | number | string | PyObject;

export type Entries = Map<HashKey, { readonly key: PyValue; readonly value: PyValue }>;

/**
 * Insertion-ordered; the key under which an entry is found makes `1`, `1.0` and `True` one. Shared as a list may be.
 */
export class PyDict {
  readonly kind = 'dict';
  readonly isShared: boolean;
  #entries: Entries | undefined;
  readonly #load: (() => Entries) | undefined;
  constructor(entries: Lazy<Entries> = new Map(), isShared = false) {
    this.isShared = isShared;
    if (typeof entries === 'function') this.#load = entries;
    else this.#entries = entries;
  }
  get entries(): Entries {
    return (this.#entries ??= this.#load!());
  }
  set entries(entries: Entries) {
    this.#entries = entries;
  }
}

export class PySet {
  readonly kind = 'set';
  readonly members: Map<HashKey, PyValue>;
  constructor(members: PySet['members'] = new Map()) {
    this.members = members;
  }
}

export class PyRange {
  readonly kind = 'range';
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;
  readonly length: bigint;
  constructor(start: bigint, stop: bigint, step: bigint) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    const span = step > 0n ? stop - start : start - stop;
    const stride = step > 0n ? step : -step;
    this.length = span <= 0n ? 0n : (span + stride - 1n) / stride;
  }
}

export class PySlice {
  readonly kind = 'slice';
  readonly start: PyValue;
  readonly stop: PyValue;
  readonly step: PyValue;
  constructor(start: PyValue, stop: PyValue, step: PyValue) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/** A generator, a `zip`, an iterator over a list. */
export class PyIterator {
  readonly kind = 'iterator';
  readonly typeName: string;
  readonly source: Iterator<PyValue>;
  constructor(typeName: string, source: Iterator<PyValue>) {
    this.typeName = typeName;
    this.source = source;
  }
}

export class PyDictView {
  readonly kind = 'view';
  readonly dict: PyDict;
  readonly part: 'keys' | 'values' | 'items';
  constructor(dict: PyDict, part: PyDictView['part']) {
    this.dict = dict;
    this.part = part;
  }
}

export class PyFunction {
  readonly kind = 'function';
  readonly name: string;
  readonly typeName: string;
  readonly call: NativeCall;
  constructor(name: string, call: NativeCall, typeName = 'builtin_function_or_method') {
    this.name = name;
    this.call = call;
    this.typeName = typeName;
  }
}

export class PyType {
  readonly kind = 'type';
  readonly name: string;
  readonly base: PyType | null;
  readonly construct: NativeCall;
  /** What `str.upper` and `int.from_bytes` find. */
  readonly attributes: ReadonlyMap<string, PyValue>;
  constructor(
    name: string,
    construct: NativeCall,
    options: { base?: PyType; attributes?: ReadonlyMap<string, PyValue> } = {},
  ) {
    this.name = name;
    this.construct = construct;
    this.base = options.base ?? null;
    this.attributes = options.attributes ?? new Map();
  }
}

/** A module, or an object that has nothing but attributes (a hash, a generator of random numbers). */
export class PyNamespace {
  readonly kind = 'namespace';
  readonly typeName: string;
  readonly name: string;
  readonly attributes: ReadonlyMap<string, PyValue>;
  constructor(typeName: string, name: string, attributes: ReadonlyMap<string, PyValue>) {
    this.typeName = typeName;
    this.name = name;
    this.attributes = attributes;
  }
}

/** An object of the system whose members are attributes: a provider, a processor, a route, a configuration. */
export class PyRecord {
  readonly kind = 'record';
  readonly typeName: string;
  readonly attributes: ReadonlyMap<string, PyValue>;
  constructor(attributes: ReadonlyMap<string, PyValue>, typeName: string) {
    this.attributes = attributes;
    this.typeName = typeName;
  }
}

/** A member of an enum of the system. */
export class PyEnum {
  readonly kind = 'enum';
  readonly typeName: string;
  readonly member: string;
  constructor(typeName: string, member: string) {
    this.typeName = typeName;
    this.member = member;
  }
}

export class PyException {
  readonly kind = 'exception';
  readonly type: PyType;
  readonly args: PyTuple;
  constructor(type: PyType, args: PyTuple) {
    this.type = type;
    this.args = args;
  }
}

/** A value that can only be passed on and compared: `...`. */
class PyOpaque {
  readonly kind = 'opaque';
  readonly typeName: string;
  readonly text: string;
  constructor(typeName: string, text: string) {
    this.typeName = typeName;
    this.text = text;
  }
}

export const ellipsis = new PyOpaque('ellipsis', 'Ellipsis');
