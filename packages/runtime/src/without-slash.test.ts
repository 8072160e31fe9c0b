import { expect, test } from "vitest";
import { withoutSlash } from "./without-slash.ts";

test("slashes at the end go, and no others", () => {
  expect(["", "///", "a//", "/a"].map(withoutSlash)).toEqual(["", "", "a", "/a"]);
});

test("a text of slashes that a stranger made is read in one pass", () => {
  const begun = performance.now();
  expect(withoutSlash(`${"/".repeat(1_000_000)}x`)).toHaveLength(1_000_001);
  expect(performance.now() - begun).toBeLessThan(1_000);
});
