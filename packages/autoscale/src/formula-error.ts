/** A place in a formula's text, both counted from 1; a line ends at its LF. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type FormulaErrorCode =
  | "AutoScalingFormulaTooLong"
  | "AutoScalingFormulaSyntaxError"
  | "AutoScalingFormulaEvaluationError"
  | "InsufficientSampleData";

const messages: Record<FormulaErrorCode, string> = {
  AutoScalingFormulaTooLong: "The autoscale formula is too long",
  AutoScalingFormulaSyntaxError: "The autoscale formula cannot be parsed",
  AutoScalingFormulaEvaluationError: "Autoscale evaluation failed due to an error in the formula",
  InsufficientSampleData: "Autoscale evaluation failed due to insufficient sample data",
};

/** The only thing that this package throws. Its message says what the code means, its detail where and why. */
export class FormulaError extends Error {
  readonly code: FormulaErrorCode;
  readonly position: Position;
  /** With the place: `Line 1, Col 24: …`. */
  readonly detail: string;

  constructor(code: FormulaErrorCode, position: Position, reason: string) {
    super(messages[code]);
    this.name = "FormulaError";
    this.code = code;
    this.position = position;
    this.detail = `Line ${position.line}, Col ${position.column}: ${reason}`;
  }
}

/** Ends what is being done with a formula error at a place that the caller need not know. */
export type Fail = (reason: string) => never;
