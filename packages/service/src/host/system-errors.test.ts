import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { descriptorLimit } from "./descriptors.ts";
import { postgresProblem } from "./postgres-problem.ts";
import { sentenceOf } from "./system-errors.ts";

const failure = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: whatever, open`), { code, syscall: "open", ...(path ? { path } : {}) });

test.each([
  ["ENOSPC", "no space is left for /data/x: free some, or choose another --data-dir"],
  ["EACCES", "this user may not use /data/x: give it the right to, or choose another --data-dir"],
  ["EROFS", "/data/x is on a file system that is read-only: choose another --data-dir"],
  ["EMFILE", 'too many files are open: raise the limit, as with "ulimit -n 4096"'],
])("%s is told in a sentence, with what to do", (code, sentence) => {
  expect(sentenceOf(failure(code, "/data/x"))).toBe(sentence);
});

test("an error that names no path, and what is no error of the system, are told as well as can be", () => {
  expect(sentenceOf(failure("ENOSPC"))).toContain("for a file");
  expect(sentenceOf(new Error("the port is in use"))).toBe("the port is in use");
  expect(sentenceOf("nothing")).toBe("nothing");
});

test("errors of Node have what is looked for", async () => {
  const missing = await readFile("/nowhere/x").catch(sentenceOf);
  const wrong = await writeFile("/dev/null/x", "").catch(sentenceOf);
  expect(missing).toContain("/nowhere/x is not there");
  expect(wrong).toContain("/dev/null/x is below a file");
});

test("the limit of open files is the one that holds now", () => {
  expect(descriptorLimit("Max processes 1 1 processes\nMax open files            64     1048576   files\n")).toBe(64);
  expect(descriptorLimit("Max open files            unlimited            unlimited            files \n")).toBe(
    Number.POSITIVE_INFINITY,
  );
  expect(descriptorLimit(undefined)).toBe(Number.POSITIVE_INFINITY);
});

test.each([
  [
    '2026-01-01 [1]  LOG:  starting\n2026-01-01 [1]  FATAL:  could not write lock file "postmaster.pid": No space left on device\n2026-01-01 [1]  LOG:  shut down\n',
    'could not write lock file "postmaster.pid": No space left on device: free some space, or choose another --data-dir',
  ],
  ["initdb: error: could not create directory: Permission denied\n", /Permission denied: give .* right/],
  ["2026-01-01 [1]  FATAL:  something new\n", "something new"],
  ["no line that looks like an error\n", "no line that looks like an error"],
  ["", "it says nothing"],
])("PostgreSQL's own words are told with what to do: %j", (log, sentence) => {
  expect(postgresProblem(log)).toMatch(sentence);
});
