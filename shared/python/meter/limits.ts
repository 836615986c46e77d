/** What one expression may cost. Every bound ends in `TerminalError('expression_limit')`. */
export interface ExpressionLimits {
  /** Length of the source. */
  readonly maxSourceCharacters: number;
  /** Brackets open at once, and depth of the syntax tree. */
  readonly maxNesting: number;
  /** Units of work: one per visited node and item, more for long texts and integers in proportion. */
  readonly maxSteps: number;
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
  /** Time of one evaluation and of one parse. It is read every some thousand steps only. */
  readonly maxTimeMs: number;
}

/** Steps are the first fence (they are the same on every machine and attempt), time is the second. */
export const defaultExpressionLimits: ExpressionLimits = {
  maxSourceCharacters: 10_000,
  maxNesting: 100,
  maxSteps: 200_000,
  maxDepth: 500,
  maxValueDepth: 100,
  maxTextLength: 1_000_000,
  maxItems: 200_000,
  maxIntegerBits: 65_536,
  maxTimeMs: 30,
};
