import { expect, test } from "vitest";
import { after, isoTime } from "./time.ts";

test("a time never goes beyond what the database and ISO 8601 can hold", () => {
  const now = new Date("2026-01-01T00:00:00.100Z");
  expect(isoTime(after(now, 1))).toBe("2026-01-01T00:00:01.1Z");
  expect(isoTime(after(now, 922_337_203_685))).toBe("9999-12-31T23:59:59.999Z");
});
