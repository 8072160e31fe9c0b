import type { BinaryOperator, Expression, Formula, Link, Statement } from "./ast.ts";
import { FormulaError, type Position } from "./formula-error.ts";
import { argumentCount, functions } from "./functions.ts";
import { type Token, tokenize } from "./lexer.ts";
import { methods } from "./samples.ts";
import { timestampMembers } from "./time.ts";
import { findSampleVariable, type SampleVariable } from "./variables.ts";

export const maximumFormulaCharacters = 8192;
const maximumStatements = 100;
/** How deep parentheses, conditions and signs may stand in each other: what a stack surely holds. */
const maximumDepth = 200;

/** From what binds least to what binds most. */
const precedences: readonly (readonly BinaryOperator[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<", "<=", ">", ">="],
  ["+", "-"],
  ["*", "/"],
];

/**
 * Reads a formula.
 * @throws FormulaError AutoScalingFormulaTooLong or AutoScalingFormulaSyntaxError
 */
export function parseFormula(text: string): Formula {
  if (text.length > maximumFormulaCharacters)
    throw new FormulaError(
      "AutoScalingFormulaTooLong",
      { line: 1, column: 1 },
      `The formula has ${text.length} characters, more than ${maximumFormulaCharacters}`,
    );
  return new Parser(text).formula();
}

function syntaxError(at: Position, reason: string): FormulaError {
  return new FormulaError("AutoScalingFormulaSyntaxError", { line: at.line, column: at.column }, reason);
}

const shown = ({ kind, text }: Token) => (kind === "end" ? "the end of the formula" : `'${text}'`);

const placeOf = ({ line, column }: Token): Position => ({ line, column });

/** Goes through the tokens once; each method reads what it is named for. */
class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;
  readonly #variables = new Set<SampleVariable>();

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  formula(): Formula {
    if (this.#text.trim() === "") throw syntaxError({ line: 1, column: 1 }, "The formula is empty");
    const statements: Statement[] = [];
    while (this.#peek().kind !== "end") {
      if (this.#accept(";")) continue;
      if (statements.length === maximumStatements)
        throw syntaxError(this.#peek(), `A formula may have at most ${maximumStatements} statements`);
      statements.push(this.#statement());
      if (this.#peek().kind !== "end") this.#expect(";");
    }
    return { statements, variables: this.#variables };
  }

  #statement(): Statement {
    const start = this.#peek();
    const isAssignment = start.kind === "name" && this.#peek(1).kind === "symbol" && this.#peek(1).text === "=";
    if (isAssignment) this.#next += 2;
    const expression = this.#expression();
    const end = this.#tokens[this.#next - 1]?.end ?? start.end;
    const text = this.#text.slice(start.offset, end);
    return { ...(isAssignment ? { name: start.text } : {}), expression, at: placeOf(start), text };
  }

  #expression(): Expression {
    return this.#deeper(() => {
      const condition = this.#chain(0);
      if (!this.#accept("?")) return condition;
      const whenTrue = this.#expression();
      this.#expect(":");
      return { kind: "conditional", condition, whenTrue, whenFalse: this.#expression(), at: condition.at };
    });
  }

  #chain(precedence: number): Expression {
    const operators = precedences[precedence];
    if (!operators) return this.#unary();
    const first = this.#chain(precedence + 1);
    const rest: Link[] = [];
    for (;;) {
      const at = placeOf(this.#peek());
      const operator = operators.find((each) => this.#accept(each));
      if (!operator) break;
      rest.push({ operator, operand: this.#chain(precedence + 1), at });
    }
    return rest.length === 0 ? first : { kind: "chain", first, rest, at: first.at };
  }

  #unary(): Expression {
    const at = placeOf(this.#peek());
    const operator = (["-", "!"] as const).find((each) => this.#accept(each));
    if (!operator) return this.#postfix();
    return this.#deeper(() => ({ kind: "unary", operator, operand: this.#unary(), at }));
  }

  #postfix(): Expression {
    let expression = this.#primary();
    for (let count = 0; this.#accept("."); count++) {
      if (count === maximumDepth) throw this.#tooDeep();
      expression = this.#memberOf(expression);
    }
    return expression;
  }

  #memberOf(receiver: Expression): Expression {
    const token = this.#take();
    if (token.kind !== "name") throw syntaxError(token, `Expected a name after '.', found ${shown(token)}`);
    const name = token.text;
    const at = placeOf(this.#peek());
    if (!this.#accept("(")) {
      if (!timestampMembers.has(name)) throw syntaxError(token, `There is no member '${name}'`);
      return { kind: "member", receiver, name, at: placeOf(token) };
    }
    const args = this.#arguments();
    const method = methods.get(name);
    if (!method) throw syntaxError(token, `There is no method '${name}'`);
    checkCount(name, args, method.count, at);
    return { kind: "method", receiver, name, args, at };
  }

  #primary(): Expression {
    const token = this.#take();
    const at = placeOf(token);
    if (token.kind === "number") return { kind: "number", value: numberOf(token), at };
    if (token.kind === "string") return { kind: "string", text: token.text, at };
    if (token.kind === "name") return this.#named(token);
    if (token.kind !== "symbol" || token.text !== "(")
      throw syntaxError(token, `Expected a value, found ${shown(token)}`);
    const expression = this.#expression();
    this.#expect(")");
    return expression;
  }

  #named(token: Token): Expression {
    const at = placeOf(this.#peek());
    if (!this.#accept("(")) {
      const variable = findSampleVariable(token.text);
      if (variable) this.#variables.add(variable);
      return { kind: "name", name: token.text, at: placeOf(token) };
    }
    const args = this.#arguments();
    const called = functions.get(token.text);
    if (!called) throw syntaxError(token, `There is no function '${token.text}'`);
    checkCount(token.text, args, argumentCount(called), at);
    return { kind: "call", name: token.text, args, at };
  }

  #arguments(): readonly Expression[] {
    const args: Expression[] = [];
    if (this.#accept(")")) return args;
    do args.push(this.#expression());
    while (this.#accept(","));
    this.#expect(")");
    return args;
  }

  #deeper(read: () => Expression): Expression {
    if (++this.#depth > maximumDepth) throw this.#tooDeep();
    const expression = read();
    this.#depth--;
    return expression;
  }

  #tooDeep(): FormulaError {
    return syntaxError(this.#peek(), `Expressions stand in each other more than ${maximumDepth} deep`);
  }

  #peek(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)];
    if (!token) throw syntaxError({ line: 1, column: 1 }, "The formula is empty");
    return token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #accept(symbol: string): boolean {
    const token = this.#peek();
    const isThere = token.kind === "symbol" && token.text === symbol;
    if (isThere) this.#next++;
    return isThere;
  }

  #expect(symbol: string): void {
    if (!this.#accept(symbol)) throw syntaxError(this.#peek(), `Expected '${symbol}', found ${shown(this.#peek())}`);
  }
}

function numberOf(token: Token): number {
  const value = Number(token.text);
  if (!Number.isFinite(value)) throw syntaxError(token, "The number is too large");
  return value;
}

function checkCount(
  name: string,
  args: readonly Expression[],
  [least, most]: readonly [number, number],
  at: Position,
): void {
  if (args.length >= least && args.length <= most) return;
  const wanted = least === most ? `${least}` : Number.isFinite(most) ? `${least} to ${most}` : `at least ${least}`;
  throw syntaxError(at, `${name} takes ${wanted} arguments, not ${args.length}`);
}
