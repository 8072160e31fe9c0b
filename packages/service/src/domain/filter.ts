import { BatchError } from "@kyanite/contract";

/** A `$filter` expression of a list, parsed. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly left: Filter; readonly right: Filter }
  | Comparison
  | { readonly kind: "startswith"; readonly property: string; readonly prefix: string };

export interface Comparison {
  readonly kind: "compare";
  readonly property: string;
  readonly operator: Operator;
  readonly value: Literal;
}

export const operators = ["eq", "ne", "gt", "ge", "lt", "le"] as const;
export type Operator = (typeof operators)[number];

export type Literal = string | number | boolean | Date;

const maxLength = 8192;
const maxDepth = 64;

/**
 * Parses a filter: comparisons of a property with a literal and `startswith(property,'text')`, joined by `and`, `or`
 * and parentheses; `and` binds closer.
 * @throws BatchError InvalidQueryParameterValue with the rule that is broken and where
 */
export function parseFilter(text: string): Filter {
  if (text.length > maxLength) throw invalidFilter(text, `A filter may have at most ${maxLength} characters`);
  return new Parser(text).parse();
}

export function invalidFilter(text: string, reason: string): BatchError {
  return new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: "$filter",
    QueryParameterValue: text.slice(0, 256),
    Reason: reason,
  });
}

type Token =
  | { readonly kind: "name"; readonly text: string; readonly at: number }
  | { readonly kind: "literal"; readonly value: Literal; readonly at: number }
  | { readonly kind: "(" | ")" | ","; readonly at: number };

const tokenPatterns: readonly [RegExp, (match: string, at: number) => Token | undefined][] = [
  [/\s+/y, () => undefined],
  [/DateTime'([^']*)'/iy, (match, at) => ({ kind: "literal", value: timeOf(match.slice(9, -1)), at })],
  [/'(?:[^']|'')*'/y, (match, at) => ({ kind: "literal", value: match.slice(1, -1).replaceAll("''", "'"), at })],
  [/-?\d+(?![\w.])/y, (match, at) => ({ kind: "literal", value: Number(match), at })],
  [/(?:true|false)\b/iy, (match, at) => ({ kind: "literal", value: match.toLowerCase() === "true", at })],
  [/[A-Za-z_][\w.]*(?:\/[A-Za-z_][\w.]*)*/y, (match, at) => ({ kind: "name", text: match, at })],
  [/\(/y, (_, at) => ({ kind: "(", at })],
  [/\)/y, (_, at) => ({ kind: ")", at })],
  [/,/y, (_, at) => ({ kind: ",", at })],
];

/** A zone such as `+02:00` may have lost its plus sign, which is a blank in a query. */
const timeOf = (text: string) => new Date(text.replace(/(T\S+) (\d\d:?\d\d)$/i, "$1+$2"));

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const found = matchAt(text, at);
    if (!found) throw invalidFilter(text, `Cannot be read at position ${at + 1}`);
    const token = found.make(found.match, at);
    if (token?.kind === "literal" && !isWithinReach(token.value))
      throw invalidFilter(text, `Not a time or number that can be compared at position ${at + 1}`);
    if (token) tokens.push(token);
    at += found.match.length;
  }
  return tokens;
}

/** Whether the database can hold the value: years of four digits, 64-bit integers that a number holds exactly. */
export function isWithinReach(value: Literal): boolean {
  if (value instanceof Date) return value.getTime() >= firstTime && value.getTime() <= lastTime;
  return typeof value !== "number" || Number.isSafeInteger(value);
}

const firstTime = Date.parse("0001-01-01T00:00:00Z");
const lastTime = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function matchAt(text: string, at: number) {
  for (const [pattern, make] of tokenPatterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    if (match !== undefined) return { match, make };
  }
  return undefined;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  parse(): Filter {
    const filter = this.#or(0);
    if (this.#peek()) throw this.#unexpected("the end");
    return filter;
  }

  #or(depth: number): Filter {
    let left = this.#and(depth);
    while (this.#takeWord("or")) left = { kind: "or", left, right: this.#and(depth) };
    return left;
  }

  #and(depth: number): Filter {
    let left = this.#unit(depth);
    while (this.#takeWord("and")) left = { kind: "and", left, right: this.#unit(depth) };
    return left;
  }

  #unit(depth: number): Filter {
    if (depth > maxDepth) throw invalidFilter(this.#text, `Parentheses may be nested at most ${maxDepth} deep`);
    if (this.#peek()?.kind === "(") {
      this.#next++;
      const inner = this.#or(depth + 1);
      this.#expect(")");
      return inner;
    }
    const property = this.#name("a property");
    if (property.toLowerCase() === "startswith" && this.#peek()?.kind === "(") return this.#startsWith();
    return { kind: "compare", property, operator: this.#operator(), value: this.#literal() };
  }

  #startsWith(): Filter {
    this.#expect("(");
    const property = this.#name("a property");
    this.#expect(",");
    const prefix = this.#literal();
    if (typeof prefix !== "string") throw invalidFilter(this.#text, "startswith takes a property and a text in quotes");
    this.#expect(")");
    return { kind: "startswith", property, prefix };
  }

  #operator(): Operator {
    const word = this.#name("an operator").toLowerCase();
    const operator = operators.find((each) => each === word);
    if (operator === undefined) throw invalidFilter(this.#text, `${word} is not one of ${operators.join(", ")}`);
    return operator;
  }

  #literal(): Literal {
    const token = this.#peek();
    if (token?.kind !== "literal") throw this.#unexpected("a text in quotes, a time, a number, true or false");
    this.#next++;
    return token.value;
  }

  #name(wanted: string): string {
    const token = this.#peek();
    if (token?.kind !== "name") throw this.#unexpected(wanted);
    this.#next++;
    return token.text;
  }

  #expect(kind: "(" | ")" | ","): void {
    if (this.#peek()?.kind !== kind) throw this.#unexpected(kind);
    this.#next++;
  }

  #takeWord(word: "and" | "or"): boolean {
    const token = this.#peek();
    if (token?.kind !== "name" || token.text.toLowerCase() !== word) return false;
    this.#next++;
    return true;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #unexpected(wanted: string): BatchError {
    const at = this.#peek()?.at;
    return invalidFilter(this.#text, `Expected ${wanted} at ${at === undefined ? "the end" : `position ${at + 1}`}`);
  }
}

/**
 * Whether an object, in its wire form, satisfies a filter. Texts compare without case; an absent property satisfies
 * nothing, not even `ne`.
 */
export function matches(filter: Filter, object: object): boolean {
  switch (filter.kind) {
    case "and":
      return matches(filter.left, object) && matches(filter.right, object);
    case "or":
      return matches(filter.left, object) || matches(filter.right, object);
    case "startswith": {
      const value = valueAt(object, filter.property);
      return typeof value === "string" && value.toLowerCase().startsWith(filter.prefix.toLowerCase());
    }
    case "compare":
      return compares(valueAt(object, filter.property), filter.operator, filter.value);
  }
}

/** What is certain of some objects: the value of a property, undefined when they have none. */
export type Facts = Readonly<Record<string, Literal | undefined>>;

/** Whether an object of which only some facts are known can satisfy a filter; what is not known may be anything. */
export function mayMatch(filter: Filter, facts: Facts): boolean {
  switch (filter.kind) {
    case "and":
      return mayMatch(filter.left, facts) && mayMatch(filter.right, facts);
    case "or":
      return mayMatch(filter.left, facts) || mayMatch(filter.right, facts);
    case "startswith":
      return true;
    case "compare":
      return !(filter.property in facts) || compares(facts[filter.property], filter.operator, filter.value);
  }
}

function valueAt(object: object, property: string): unknown {
  let value: unknown = object;
  for (const name of property.split("/")) {
    const members: [string, unknown][] = typeof value === "object" && value !== null ? Object.entries(value) : [];
    value = members.find(([member]) => member === name)?.[1];
  }
  return value;
}

function compares(value: unknown, operator: Operator, literal: Literal): boolean {
  if (value === undefined || value === null) return false;
  const [one, other] = [comparable(value, literal), comparable(literal, literal)];
  switch (operator) {
    case "eq":
      return one === other;
    case "ne":
      return one !== other;
    case "gt":
      return one > other;
    case "ge":
      return one >= other;
    case "lt":
      return one < other;
    case "le":
      return one <= other;
  }
}

function comparable(value: unknown, literal: Literal): string | number {
  if (value instanceof Date) return value.getTime();
  if (literal instanceof Date) return new Date(String(value)).getTime();
  if (typeof value === "number") return value;
  return String(value).toLowerCase();
}
