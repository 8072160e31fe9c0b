import { operations } from "@kyanite/contract";
import { describe, expect, test } from "vitest";
import { grantsIn, permits, roleOn, roles } from "./caller.ts";

describe("roles", () => {
  test("each role permits all that the one before it does", () => {
    for (const [name, { method }] of Object.entries(operations)) {
      const allowed = roles.map((role) => permits(role, name, method));
      expect(allowed.toSorted((one, other) => Number(one) - Number(other))).toEqual(allowed);
    }
  });

  test("a reader changes nothing, a submitter changes only work", () => {
    const changed = (role: "reader" | "submitter") =>
      Object.entries(operations)
        .filter(([name, { method }]) => method !== "GET" && method !== "HEAD" && permits(role, name, method))
        .map(([name]) => name);
    expect(changed("reader")).toEqual(["Pool_EvaluateAutoScale"]);
    expect(changed("submitter")).toContain("Task_AddCollection");
    expect(changed("submitter")).toContain("File_DeleteFromTask");
    expect(changed("submitter").filter((name) => /^(Pool|ComputeNode|Certificate)|Node$/.test(name))).toEqual([
      "Pool_EvaluateAutoScale",
    ]);
  });
});

describe("grants", () => {
  test("a claim names roles, for one account or for all", () => {
    expect(grantsIn(["Kyanite.Owner", "local:reader", "Unrelated", 7])).toEqual([
      { role: "owner" },
      { role: "reader", accountName: "local" },
    ]);
    expect(grantsIn("submitter")).toEqual([{ role: "submitter" }]);
    expect(grantsIn(undefined)).toEqual([]);
  });

  test("the strongest role on an account counts, and none of another account", () => {
    const grants = [{ role: "reader" as const }, { role: "owner" as const, accountName: "theirs" }];
    expect(roleOn("mine", grants)).toBe("reader");
    expect(roleOn("theirs", grants)).toBe("owner");
    expect(roleOn("mine", grants.slice(1))).toBeUndefined();
  });
});
