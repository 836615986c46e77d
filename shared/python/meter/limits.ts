/** What expressions may cost. Every bound but the time is the same on every machine, and ends in `expression_limit`. */
export interface ExpressionLimits {
  /** Length of the source. */
  readonly maxSourceCharacters: number;
  /** Brackets open at once, and depth of the syntax tree. */
  readonly maxNesting: number;
  /** Steps of the parser. */
  readonly maxParserSteps: number;
  /** Units of work of one evaluation: what is one is listed in `costs.ts`. */
  readonly maxSteps: number;
  /** Memory that one evaluation makes, alive or not. */
  readonly maxBytes: number;
  /** Depth of the evaluation: nested expressions and calls of lambdas together. */
  readonly maxDepth: number;
  /** Depth of a value: lists in lists. */
  readonly maxValueDepth: number;
  /** Length of a text or of bytes that an expression makes, in UTF-16 units. */
  readonly maxTextLength: number;
  /** Items of a list, tuple, set or dictionary that an expression makes. */
  readonly maxItems: number;
  /** Size of an integer that an expression makes. */
  readonly maxIntegerBits: number;
  /**
   * A net for a machine that stands still: time of one evaluation and of one parse, by the clock that is given. It ends in
   * `expression_timeout`, which is tried again; nothing is refused for good because of it.
   */
  readonly maxTimeMs: number;
}

export const defaultExpressionLimits: ExpressionLimits = {
  maxSourceCharacters: 10_000,
  maxNesting: 100,
  maxParserSteps: 200_000,
  maxSteps: 200_000,
  maxBytes: 16_000_000,
  maxDepth: 500,
  maxValueDepth: 100,
  maxTextLength: 1_000_000,
  maxItems: 200_000,
  maxIntegerBits: 65_536,
  maxTimeMs: 5_000,
};
