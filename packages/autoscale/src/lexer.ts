import { FormulaError, type Position } from "./formula-error.ts";

/** A word of a formula. `offset` and `end` are indexes into the text. */
export interface Token extends Position {
  readonly kind: "number" | "string" | "name" | "symbol" | "end";
  /** As written; of a string what stands between the quotes. */
  readonly text: string;
  readonly offset: number;
  readonly end: number;
}

const kinds = ["blank", "comment", "number", "string", "name", "symbol"] as const;

const words =
  /(?<blank>[ \t\r\n\v\f\u00a0\ufeff]+)|(?<comment>\/\/[^\n]*)|(?<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<string>"[^"\n]*")|(?<name>\$?[A-Za-z_][A-Za-z0-9_]*)|(?<symbol><=|>=|==|!=|&&|\|\||[-+*/!<>=?:.,();])/y;

/**
 * Cuts a formula into its words; comments and white space are left out, and the last token is the `end`.
 * @throws FormulaError AutoScalingFormulaSyntaxError at the first character that begins no word
 */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let lineStart = 0;
  for (let offset = 0; offset < text.length; ) {
    const place = { line, column: offset - lineStart + 1 };
    words.lastIndex = offset;
    const match = words.exec(text);
    if (!match) throw unknownWord(text, offset, place);
    const [word] = match;
    const end = offset + word.length;
    const kind = kinds.find((each) => match.groups?.[each] !== undefined);
    if (kind !== undefined && kind !== "blank" && kind !== "comment")
      tokens.push({ kind, text: kind === "string" ? word.slice(1, -1) : word, ...place, offset, end });
    for (let at = word.indexOf("\n"); at >= 0; at = word.indexOf("\n", at + 1)) {
      line++;
      lineStart = offset + at + 1;
    }
    offset = end;
  }
  const end = text.length;
  return [...tokens, { kind: "end", text: "", line, column: end - lineStart + 1, offset: end, end }];
}

function unknownWord(text: string, offset: number, place: Position): FormulaError {
  const character = String.fromCodePoint(text.codePointAt(offset) ?? 0);
  const reason = character === '"' ? "The text is not closed on its line" : `Unexpected character '${character}'`;
  return new FormulaError("AutoScalingFormulaSyntaxError", place, reason);
}
