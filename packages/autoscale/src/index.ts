export type { Formula } from "./ast.ts";
export { type Evaluation, evaluate, type PoolState } from "./evaluate.ts";
export { FormulaError } from "./formula-error.ts";
export type { Targets } from "./memory.ts";
export { maximumFormulaCharacters, parseFormula } from "./parser.ts";
export type { Sample, SampleHistory, SampleUse } from "./samples.ts";
export { valueText } from "./text.ts";
export { type SampleVariable, sampleVariables } from "./variables.ts";
