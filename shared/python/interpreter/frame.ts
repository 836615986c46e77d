import type { PyValue } from '../objects/object.ts';
import { nameError, PythonError } from '../objects/python-error.ts';

/** Where names are looked up that no frame binds. */
export interface Globals {
  /** The scope's variables: visible at the top only, as in Python 3.11 (reference.md D.6). */
  readonly local: (name: string) => PyValue | undefined;
  /** What `:=` at the top has bound. */
  readonly assigned: Map<string, PyValue>;
  /** What `:=` in a comprehension at the top has bound: visible everywhere. */
  readonly shared: Map<string, PyValue>;
  readonly builtin: (name: string) => PyValue | undefined;
}

/** The variables of a lambda or comprehension; the top has none of its own. */
export class Frame {
  readonly kind: 'top' | 'lambda' | 'comprehension';
  readonly globals: Globals;
  /** The frame around it; null where that is the top, whose variables are not visible inside. */
  readonly parent: Frame | null;
  /** Undefined is a local name without a value yet. */
  readonly variables = new Map<string, PyValue | undefined>();

  constructor(kind: Frame['kind'], globals: Globals, parent: Frame | null = null) {
    this.kind = kind;
    this.globals = globals;
    this.parent = parent;
  }
}

/** `name := value`: a comprehension binds in the function around it. */
export const assignName = (frame: Frame, name: string, value: PyValue): void => {
  const { assigned, shared } = frame.globals;
  let holder: Frame | null = frame;
  while (holder?.kind === 'comprehension') holder = holder.parent;
  if (holder?.kind === 'lambda') holder.variables.set(name, value);
  else (frame.kind === 'top' ? assigned : shared).set(name, value);
};

/** The value of a name. Throws `NameError`. */
export const lookupName = (frame: Frame, name: string): PyValue => {
  for (let each: Frame | null = frame; each !== null; each = each.parent) {
    if (!each.variables.has(name)) continue;
    const value = each.variables.get(name);
    if (value === undefined) throw unbound(name, each === frame);
    return value;
  }
  const { assigned, local, shared, builtin } = frame.globals;
  let value: PyValue | undefined;
  if (frame.kind === 'top') value = assigned.has(name) ? assigned.get(name) : local(name);
  if (value === undefined) value = shared.has(name) ? shared.get(name) : builtin(name);
  if (value === undefined) throw nameError(`name '${name}' is not defined`);
  return value;
};

const unbound = (name: string, own: boolean): Error =>
  own
    ? new PythonError(
        'UnboundLocalError',
        `cannot access local variable '${name}' where it is not associated with a value`,
      )
    : nameError(`cannot access free variable '${name}' where it is not associated with a value in enclosing scope`);
