import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { Static, TSchema } from "typebox";
import { isDateTime } from "./date-time.ts";
import { parseDuration } from "./duration.ts";
import { BatchError, type ErrorCode, errorCodes } from "./errors.ts";

/** Our keywords and formats, taught to the validator. */
function newValidator(): Ajv {
  const ajv = new Ajv({ strict: false, allowUnionTypes: true, verbose: true });
  const seconds = (text: unknown) => (typeof text === "string" ? (parseDuration(text) ?? 0) : 0);
  ajv.addFormat("duration", (text) => parseDuration(text) !== undefined);
  ajv.addFormat("date-time", isDateTime);
  ajv.addFormat("int64", true);
  ajv.addKeyword({
    keyword: "minimumDuration",
    type: "string",
    validate: (limit: unknown, text: unknown) => seconds(text) >= seconds(limit),
  });
  ajv.addKeyword({
    keyword: "maximumDuration",
    type: "string",
    validate: (limit: unknown, text: unknown) => seconds(text) <= seconds(limit),
  });
  ajv.addKeyword({
    keyword: "maxTotalLength",
    type: "array",
    validate: (limit: number, texts: readonly unknown[]) =>
      texts.reduce<number>((sum, text) => sum + String(text).length, 0) <= limit,
  });
  return ajv;
}

const validator = newValidator();
const compiled = new WeakMap<TSchema, ValidateFunction>();

function compile(schema: TSchema): ValidateFunction {
  const validate = compiled.get(schema) ?? validator.compile(schema);
  compiled.set(schema, validate);
  return validate;
}

/**
 * Checks a document in the newest form, as `readDocument` makes it, against the rules of its schema.
 *
 * @throws BatchError `MissingRequiredProperty`, `InvalidPropertyValue` or the code that the rule names, for the first
 * rule that is broken; `InvalidRequestBody` when the document is no object at all.
 */
export function checkDocument<S extends TSchema>(schema: S, value: unknown): asserts value is Static<S> {
  const validate = compile(schema);
  if (validate(value)) return;
  const [error] = validate.errors ?? [];
  if (error) throw batchError(error);
}

function batchError(error: ErrorObject): BatchError {
  const path = propertyPath(error.instancePath);
  if (error.keyword === "required") {
    const name = String(error.params.missingProperty);
    return new BatchError("MissingRequiredProperty", { PropertyName: path ? `${path}.${name}` : name });
  }
  const reason = reasonOf(error);
  if (path === "") return new BatchError("InvalidRequestBody", { Reason: reason });
  return new BatchError(errorCodeOf(error), { PropertyName: path, ...shownValue(error), Reason: reason });
}

/** From a JSON pointer: `/value/3/id` becomes `value[3].id`. */
function propertyPath(pointer: string): string {
  const steps = pointer.split("/").slice(1);
  return steps
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^[0-9]+$/.test(step) ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}

function errorCodeOf({ parentSchema }: ErrorObject): ErrorCode {
  const code: unknown = parentSchema?.errorCode;
  return typeof code === "string" && isErrorCode(code) ? code : "InvalidPropertyValue";
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

const longestShown = 256;

function shownValue({ parentSchema, data }: ErrorObject): Readonly<Record<string, string>> {
  if (parentSchema?.secret) return {};
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return { PropertyValue: text.slice(0, longestShown) };
}

const typeNames: Readonly<Record<string, string>> = {
  array: "an array",
  boolean: "true or false",
  integer: "a whole number",
  number: "a number",
  object: "an object",
  string: "a string",
};

const formatNames: Readonly<Record<string, string>> = {
  "date-time": "a date and time in ISO 8601 with a time zone, such as 2025-01-31T12:00:00Z",
  duration: "a duration in ISO 8601, such as PT1H30M, no longer than P10675199DT2H48M5.4775807S",
};

const sentences: Readonly<Record<string, (rule: unknown) => string>> = {
  type: (rule) =>
    `The value must be ${[rule]
      .flat()
      .map((type) => typeNames[String(type)])
      .join(" or ")}`,
  enum: (rule) => `The value must be one of ${[rule].flat().join(", ")}`,
  format: (rule) => `The value must be ${formatNames[String(rule)] ?? String(rule)}`,
  pattern: (rule) => `The value must match the pattern ${rule}`,
  minimum: (rule) => `The value must be at least ${rule}`,
  maximum: (rule) => `The value must be at most ${rule}`,
  minLength: (rule) => `The value must be at least ${rule} characters long`,
  maxLength: (rule) => `The value must be at most ${rule} characters long`,
  minItems: (rule) => `There must be at least ${rule} elements`,
  maxItems: (rule) => `There must be at most ${rule} elements`,
  minimumDuration: (rule) => `The duration must be at least ${rule}`,
  maximumDuration: (rule) => `The duration must be at most ${rule}`,
  maxTotalLength: (rule) => `The elements must together be at most ${rule} characters long`,
  not: (rule) => `The value must not be one that fits ${JSON.stringify(rule)}`,
};

function reasonOf({ keyword, schema, message }: ErrorObject): string {
  return sentences[keyword]?.(schema) ?? `The value ${message ?? "is not valid"}`;
}
