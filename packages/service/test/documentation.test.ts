import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const text = readFileSync(new URL("../../../docs/compatibility.md", import.meta.url), "utf8");

/** Sections by their titles, each with what its rows are about: the first column, and the second of operations. */
const sections = text.split(/^## /m).map((section) => {
  const [title = "", ...lines] = section.split("\n");
  const rows = lines.filter((line) => line.startsWith("| ") && !line.startsWith("| ---"));
  return { title, subjects: rows.map((row) => (row.split(" | ")[0] ?? "").slice(2).trim().toLowerCase()) };
});

test.each(sections)("of what $title of the compatibility page is about each thing has one row", ({ subjects }) => {
  const headings = ["operation", "rule or feature"];
  const repeated = subjects.filter((subject, index) => subjects.indexOf(subject) !== index);
  expect(repeated.filter((subject) => !headings.includes(subject))).toEqual([]);
});

test("no cell of the compatibility page is left open", () => {
  expect(text.split("\n").filter((line) => line.startsWith("|") && !line.trimEnd().endsWith("|"))).toEqual([]);
});
