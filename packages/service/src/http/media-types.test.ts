import { expect, test } from "vitest";
import { preferredType } from "./media-types.ts";

test.each([
  ["", "application/json"],
  ["*/*", "application/json"],
  ["application/json; odata=minimalmetadata", "application/json"],
  ["text/csv", "text/csv"],
  ["Text/CSV; charset=utf-8", "text/csv"],
  ["text/csv;q=0.5, application/jsonl", "application/jsonl"],
  ["text/csv;q=0, */*;q=0.1", "application/json"],
  ["image/png", "application/json"],
  ["text/csv;q=nonsense", "application/json"],
])("who accepts %j gets %s", (accept, expected) => {
  expect(preferredType(accept, ["application/json", "text/csv", "application/jsonl"])).toBe(expected);
});
