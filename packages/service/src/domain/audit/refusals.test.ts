import { expect, test } from "vitest";
import type { AuditLine } from "./line.ts";
import { countRefusal, manyAddresses, mostRefusals, type Refusals, takeRefusals } from "./refusals.ts";

const aLine = (more: Partial<AuditLine> = {}): AuditLine => ({
  time: new Date("2026-01-01T00:00:00Z"),
  account: "local",
  plane: "data",
  operation: "Pool_Add",
  resource: "/pools",
  credential: "none",
  principal: null,
  principalName: null,
  role: null,
  address: "192.0.2.1",
  userAgent: null,
  requestId: "00000000-0000-4000-8000-000000000000",
  status: 403,
  errorCode: "AuthenticationFailed",
  count: 1,
  ...more,
});

test("the first refusal of a kind is kept at once, the others are one line when the period ends", () => {
  const refusals: Refusals = new Map();
  const first = aLine();
  expect(countRefusal(refusals, first)).toBe(first);
  for (let n = 1; n <= 1000; n++) expect(countRefusal(refusals, aLine({ resource: `/pools/${n}` }))).toBeUndefined();
  expect(takeRefusals(refusals)).toEqual([aLine({ resource: "/pools/1000", count: 1000 })]);
  expect(takeRefusals(refusals)).toEqual([]);
  expect(countRefusal(refusals, first)).toBe(first);
});

test("a refusal that stays alone is kept once", () => {
  const refusals: Refusals = new Map();
  countRefusal(refusals, aLine());
  expect(takeRefusals(refusals)).toEqual([]);
});

test("from however many places and for however many accounts they come, what is kept is bounded and none is lost", () => {
  const refusals: Refusals = new Map();
  const atOnce = Array.from({ length: 10_000 }, (_, n) =>
    countRefusal(refusals, aLine({ address: `address ${n % 5000}`, account: `account${n}` })),
  ).filter((line) => line !== undefined);
  const later = takeRefusals(refusals);
  expect(atOnce).toHaveLength(mostRefusals);
  expect(later).toHaveLength(1);
  expect(later[0]).toMatchObject({ address: manyAddresses, count: 10_000 - mostRefusals });
});
