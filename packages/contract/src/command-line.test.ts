import fc from "fast-check";
import { expect, test } from "vitest";
import { splitCommandLine } from "./command-line.ts";

test.each([
  ["", []],
  ["   ", []],
  ["python3 main.py --x=1", ["python3", "main.py", "--x=1"]],
  ["  a \t b\n c  ", ["a", "b", "c"]],
  [`/bin/sh -c 'echo "$HOME" | wc'`, ["/bin/sh", "-c", 'echo "$HOME" | wc']],
  [`/bin/bash -c "echo \\"a b\\" \\$X"`, ["/bin/bash", "-c", 'echo "a b" \\$X']],
  [`a\\ b c\\"d`, ["a b", 'c"d']],
  [`pre'mid dle'"post x"`, ["premid dlepost x"]],
  [`'' ""`, ["", ""]],
  [`'it''s' "open and`, ["its", "open and"]],
  ["'open", ["open"]],
  ["end\\", ["end\\"]],
  [`"end\\`, ["end\\"]],
  ['"two\nlines"', ["two\nlines"]],
])("%j splits into %j", (commandLine, words) => {
  expect(splitCommandLine(commandLine)).toEqual(words);
});

const quotings = [
  (word: string) => `'${word.replaceAll("'", `'\\''`)}'`,
  (word: string) => `"${word.replace(/["\\]/g, "\\$&")}"`,
  (word: string) => (word === "" ? "''" : word.replace(/[\s\S]/g, "\\$&")),
];

test("words that were quoted in any way come back as they were", () => {
  const quoted = fc.tuple(fc.string({ unit: "grapheme" }), fc.constantFrom(...quotings));
  fc.assert(
    fc.property(fc.array(quoted), fc.constantFrom(" ", "\t", "  \n"), (words, blank) => {
      const commandLine = words.map(([word, quote]) => quote(word)).join(blank);
      expect(splitCommandLine(commandLine)).toEqual(words.map(([word]) => word));
    }),
  );
});

test("every text splits into finitely many words", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", " ", "'", '"', "\\", "\n") }), (text) => {
      expect(splitCommandLine(text).join("").length).toBeLessThanOrEqual(text.length);
    }),
  );
});
