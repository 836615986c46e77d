import { typeError } from './python-error.ts';
import { PyException, PyTuple, PyType } from './object.ts';

/* The classes under each base; a base stands before what is under it. */
const tree: readonly (readonly [string, string])[] = [
  ['BaseException', 'Exception GeneratorExit KeyboardInterrupt SystemExit'],
  [
    'Exception',
    'ArithmeticError AssertionError AttributeError BufferError EOFError ImportError LookupError MemoryError NameError ' +
      'OSError ReferenceError RuntimeError StopIteration SyntaxError SystemError TypeError ValueError Warning',
  ],
  ['ArithmeticError', 'FloatingPointError OverflowError ZeroDivisionError'],
  ['LookupError', 'IndexError KeyError'],
  ['NameError', 'UnboundLocalError'],
  ['RuntimeError', 'NotImplementedError'],
  ['SyntaxError', 'IndentationError'],
  ['IndentationError', 'TabError'],
  ['ValueError', 'UnicodeError'],
  ['UnicodeError', 'UnicodeDecodeError UnicodeEncodeError UnicodeTranslateError'],
  [
    'Warning',
    'BytesWarning DeprecationWarning FutureWarning ImportWarning PendingDeprecationWarning RuntimeWarning ' +
      'SyntaxWarning UnicodeWarning UserWarning',
  ],
];

const exceptionType = (name: string, base?: PyType): PyType => {
  const type: PyType = new PyType(
    name,
    (run, args, named) => {
      run.meter.spend('object', 1);
      if (named.size > 0) throw typeError(`${name}() takes no keyword arguments`);
      return new PyException(type, new PyTuple(args));
    },
    base === undefined ? {} : { base },
  );
  return type;
};

const build = (): ReadonlyMap<string, PyType> => {
  const types = new Map([['BaseException', exceptionType('BaseException')]]);
  for (const [base, names] of tree) {
    for (const name of names.split(' ')) types.set(name, exceptionType(name, types.get(base)));
  }
  const osError = types.get('OSError')!;
  return types.set('IOError', osError).set('EnvironmentError', osError);
};

/** The exception classes by name. Nothing in an expression can raise or catch them. */
export const exceptionTypes: ReadonlyMap<string, PyType> = build();
