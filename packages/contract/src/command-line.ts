/**
 * Splits a command line into program and arguments, without a shell: blanks separate, quotes group. Between single
 * quotes everything stands for itself; a backslash takes the next character literally, between double quotes only a
 * quote or a backslash. A quote that is never closed reaches to the end.
 */
export function splitCommandLine(commandLine: string): readonly string[] {
  const words: string[] = [];
  let rest = commandLine.trimStart();
  while (rest !== "") {
    const { word, length } = readWord(rest);
    words.push(word);
    rest = rest.slice(length).replace(/^[ \t\r\n]+/, "");
  }
  return words;
}

// One alternative for each way to write a piece of a word. The last ones are an unclosed quote and a lone backslash.
const piece = /'([^']*)(?:'|$)|"((?:[^"\\]|\\.|\\$)*)(?:"|$)|\\(.)|([^ \t\r\n'"\\]+|\\$)/sy;

function readWord(text: string): { word: string; length: number } {
  let word = "";
  let length = 0;
  for (;;) {
    piece.lastIndex = length;
    const found = piece.exec(text);
    if (found === null || found[0] === "") return { word, length };
    const [all, single, double, escaped, plain] = found;
    word += single ?? double?.replace(/\\(["\\])/g, "$1") ?? escaped ?? plain ?? "";
    length += all.length;
  }
}

/** Whether a quote is never closed, which a shell refuses. */
export function hasOpenQuote(commandLine: string): boolean {
  return /['"]/.test(commandLine.replace(/\\.|'[^']*'|"(?:[^"\\]|\\.)*"/gs, ""));
}
