/** An exception of the interpreted language; its message is what Python's `str(exception)` gives. */
export class PythonError extends Error {
  override readonly name = 'PythonError';
  /** Python's name of the exception: `KeyError`. */
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

const thrower =
  (type: string) =>
  (message: string): PythonError =>
    new PythonError(type, message);

export const typeError = thrower('TypeError');
export const valueError = thrower('ValueError');
export const indexError = thrower('IndexError');
/** The message is the repr of the key: Python keeps its quotes. */
export const keyError = thrower('KeyError');
export const nameError = thrower('NameError');
export const overflowError = thrower('OverflowError');
export const zeroDivisionError = thrower('ZeroDivisionError');
export const attributeError = thrower('AttributeError');
export const notImplementedError = thrower('NotImplementedError');
