import { describe, expect, test } from "vitest";
import { type AskedThing, auditLine, type Exchange, keeping } from "./line.ts";

const asked = (more: Partial<AskedThing> = {}): AskedThing => ({
  plane: "data",
  account: "local",
  operation: { name: "Pool_Delete", isKept: true },
  resource: "/pools/p",
  by: { credential: { kind: "key", key: "Secondary" }, role: "owner" },
  ...more,
});

const exchange: Exchange = {
  time: new Date("2026-01-01T00:00:00Z"),
  requestId: "id",
  address: "192.0.2.1",
  userAgent: "a client",
  status: 202,
  errorCode: undefined,
};

describe("of a request", () => {
  const { by: _, ...unknown } = asked();
  const { operation: __, ...lost } = asked();

  test.each([
    ["that may change something, done or refused: a line", asked(), 202, "line"],
    ["that found something wrong here: a line, since it may have changed something", asked(), 500, "line"],
    ["that only reads: nothing", asked({ operation: { name: "Pool_Get", isKept: false } }), 200, "nothing"],
    ["of a stranger: a count", unknown, 403, "count"],
    ["whose sender could not be found out for want of a database: nothing", unknown, 503, "nothing"],
    ["for no operation: nothing", lost, 400, "nothing"],
  ])("%s", (_, thing, status, kept) => {
    expect(keeping(thing, status)).toBe(kept);
  });
});

describe("a line says by which credential it was", () => {
  test.each([
    [{ kind: "key", key: "Primary" } as const, { credential: "key", principal: "Primary", principalName: null }],
    [
      { kind: "principal", principal: { id: "id", name: "deploy" } } as const,
      { credential: "principal", principal: "id", principalName: "deploy" },
    ],
    [
      { kind: "task", jobId: "j", taskId: "t" } as const,
      { credential: "task", principal: "jobs/j/tasks/t", principalName: null },
    ],
  ])("%j", (credential, expected) => {
    expect(auditLine(asked({ by: { credential, role: "submitter" } }), exchange)).toMatchObject({
      ...expected,
      role: "submitter",
    });
  });
});

test("texts that clients choose are cut, and hold no control characters", () => {
  const line = auditLine(asked({ resource: `/pools/${"p".repeat(5_000)}` }), {
    ...exchange,
    userAgent: `\u001b[2Jclient\ud800${"x".repeat(5_000)}`,
  });
  expect(line.resource).toHaveLength(1024);
  expect(line.userAgent).toHaveLength(256);
  expect(line.userAgent).toMatch(/^ \[2Jclient\ufffdx/);
});
