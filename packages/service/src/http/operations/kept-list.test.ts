import { expect, test } from "vitest";
import { keptList } from "./kept-list.ts";

const files = ["stdout.txt", "stderr.txt", "wd/report.json", "wd/deep/er.txt"].map((path) => ({ path }));
const list = (more: Partial<Parameters<typeof keptList>[1]> = {}) =>
  keptList(files, { recursive: false, prefix: undefined, limit: 100, ...more });

test("kept files are listed one level deep, unless it is asked for all", () => {
  expect(list().names).toEqual(["stderr.txt", "stdout.txt", "wd"]);
  expect(list({ recursive: true }).names).toEqual([
    "stderr.txt",
    "stdout.txt",
    "wd",
    "wd/deep",
    "wd/deep/er.txt",
    "wd/report.json",
  ]);
});

test("a prefix shows what is in a directory, or what begins like it", () => {
  expect(list({ prefix: "wd/" }).names).toEqual(["wd/deep", "wd/report.json"]);
  expect(list({ prefix: "STD" }).names).toEqual(["stderr.txt", "stdout.txt"]);
});

test("a page ends with the name with which the next one goes on", () => {
  expect(list({ limit: 2 })).toEqual({ names: ["stderr.txt", "stdout.txt"], next: "stdout.txt" });
  expect(list({ limit: 2, after: "stdout.txt" })).toEqual({ names: ["wd"] });
});
