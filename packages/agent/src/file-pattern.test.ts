import fc from "fast-check";
import { expect, test } from "vitest";
import { parsePattern, patternMatcher } from "./file-pattern.ts";

test.each([
  ["*.txt", ["a.txt", ".txt.txt"], ["a.txt"]],
  ["*", ["a", ".hidden", "d/a"], ["a"]],
  [".*", ["a", ".hidden"], [".hidden"]],
  ["**/*.txt", ["a.txt", "d/a.txt", "d/e/a.txt", "d/.e/a.txt", "a.log"], ["a.txt", "d/a.txt", "d/e/a.txt"]],
  ["**", ["a", "d/a", ".h/a", "d/.h"], ["a", "d/a"]],
  ["d/**", ["d/a", "d/e/a", "a"], ["d/a", "d/e/a"]],
  ["a**z", ["az", "abz", "ab/yz", "ab/y"], ["az", "abz", "ab/yz"]],
  ["d/*/x", ["d/e/x", "d/x", "d/e/f/x"], ["d/e/x"]],
  ["?.c", ["a.c", "ab.c", "..c", "é.c"], ["a.c", "é.c"]],
  ["[abc]1", ["a1", "d1"], ["a1"]],
  ["[a-c]1", ["b1", "d1"], ["b1"]],
  ["[!a-c]1", ["b1", "d1", "/1", ".1"], ["d1"]],
  ["[*]?", ["*a", "aa"], ["*a"]],
  ["[", ["[", "a"], ["["]],
  ["a{b,c}(d)+!", ["a{b,c}(d)+!", "ab"], ["a{b,c}(d)+!"]],
])("%s matches of %j only %j", (pattern, paths, expected) => {
  expect(paths.filter(patternMatcher(pattern))).toEqual(expected);
});

test.each([
  ["../std*.txt", "/t", "std*.txt", true],
  ["../stdout.txt", "/t", "stdout.txt", false],
  ["out/**/*.x", "/t/wd/out", "**/*.x", true],
  ["a/[*]", "/t/wd/a", "*", false],
  ["$DIR/*.x", "/data/a*b", "*.x", true],
  ["$" + "{DIR}/f", "/data/a*b", "f", false],
  ["$NONE/f", "/t/wd/$NONE", "f", false],
  ["/*", "/", "*", true],
  ["./*", "/t/wd", "*", true],
])("%s means, below %s, %s", (pattern, base, rest, hasWildcard) => {
  expect(parsePattern(pattern, "/t/wd", { DIR: "/data/a*b" })).toEqual({ base, rest, hasWildcard });
});

test("a hostile pattern is answered at once", () => {
  const matches = patternMatcher(`${"*a".repeat(60)}**b`);
  expect(matches("a".repeat(250))).toBe(false);
});

test("every text is a pattern, and a plain name matches itself", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (pattern, path) => typeof patternMatcher(pattern)(path) === "boolean"),
  );
  fc.assert(fc.property(fc.stringMatching(/^[a-z./]{1,20}$/), (name) => patternMatcher(name)(name)));
});
