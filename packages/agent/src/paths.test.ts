import fc from "fast-check";
import { expect, test } from "vitest";
import { below, isWithin, namesBelow, runPaths } from "./paths.ts";

test.each([
  ["a/b", "/root/a/b"],
  ["a/../b", "/root/b"],
  ["..a", "/root/..a"],
  [".", "/root"],
  ["../root2", undefined],
  ["a/../../x", undefined],
  ["/etc", undefined],
  ["a\0b", undefined],
])("%j below a directory is %j", (path, expected) => {
  expect(below("/root", path)).toBe(expected);
});

test("whatever is below a directory lies in it", () => {
  const part = fc.constantFrom("..", ".", "", "a", "..b", "c d");
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const path = below("/r/s", parts.join("/"));
      return path === undefined || isWithin("/r/s", path);
    }),
  );
});

test("a run has no paths when its directory is the root itself or outside", () => {
  expect(runPaths("/r", { directory: "." })).toBeUndefined();
  expect(runPaths("/r", { directory: "a", sharedDirectory: "../x" })).toBeUndefined();
  expect(runPaths("/r", { directory: "a" })).toMatchObject({ task: "/r/a", working: "/r/a/wd" });
});

test("a path is its names, unless it leaves where it begins", () => {
  expect(namesBelow("a//./b/../c/")).toEqual(["a", "c"]);
  expect(namesBelow("")).toEqual([]);
  expect(namesBelow("../a")).toBeUndefined();
  expect(namesBelow("/a")).toBeUndefined();
});
