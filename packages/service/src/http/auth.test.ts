import { describe, expect, test } from "vitest";
import type { Account } from "../domain/account/account.ts";
import { authenticate } from "./auth.ts";

const now = new Date("2026-01-01T00:00:00Z");
const anAccount = (more: Partial<Account> = {}): Account => ({
  pk: 1,
  name: "local",
  keys: ["a2V5"],
  state: "active",
  subscriptionId: "s",
  resourceGroup: "g",
  storageAccount: null,
  lastKeySync: null,
  spec: { location: "here" },
  ...more,
});

/** Presents a bearer token: a task's when `isTask`, else one of an owner. */
function present(account: Account, isTask = false) {
  const request = { method: "GET", target: "/pools", headers: { authorization: "Bearer token" } };
  return authenticate(request, undefined, now, {
    findAccount: async () => account,
    bearerOfToken: async () => ({ principal: { id: "id" }, grants: [{ role: "owner" }] }),
    taskOfToken: async () => (isTask ? { account, jobId: "job", taskId: "task" } : undefined),
    defaultAccountName: "local",
  });
}

const codeOf = (outcome: Promise<unknown>) =>
  outcome.then(
    () => "accepted",
    (error) => error.code,
  );

describe("with a valid credential", () => {
  test("an account that is being deleted is closed", async () => {
    expect(await codeOf(present(anAccount()))).toBe("accepted");
    expect(await codeOf(present(anAccount({ state: "deleting" })))).toBe("AccountIsDisabled");
    expect(await codeOf(present(anAccount({ state: "deleting" }), true))).toBe("AccountIsDisabled");
  });

  test.each([
    ["AAD", "accepted", "AuthenticationFailed"],
    ["TaskAuthenticationToken", "AuthenticationFailed", "accepted"],
    ["SharedKey", "AuthenticationFailed", "AuthenticationFailed"],
  ] as const)("an account that allows %s only takes nothing else", async (mode, forOwner, forTask) => {
    const account = anAccount({ spec: { location: "here", properties: { allowedAuthenticationModes: [mode] } } });
    expect(await codeOf(present(account))).toBe(forOwner);
    expect(await codeOf(present(account, true))).toBe(forTask);
  });
});
