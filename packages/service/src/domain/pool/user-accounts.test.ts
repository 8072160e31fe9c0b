import { expect, test } from "vitest";
import { accountsOf, checkUserAccounts } from "./user-accounts.ts";

const account = (uid: number, gid: number) => ({
  name: "someone",
  password: "x",
  linuxUserConfiguration: { uid, gid },
});

test.each([
  [1000, 1000, { uid: 1000, gid: 1000 }],
  [1, 27, {}],
  [999, 1000, {}],
  [5000, 100, {}],
])("an account with the ids %i and %i gets %j on its node, and none of the machine's own", (uid, gid, ids) => {
  checkUserAccounts([account(uid, gid)]);
  const [made] = accountsOf({ userAccounts: [account(uid, gid)] }, []);
  expect(made).toEqual({ name: "someone", isAdmin: false, passwordHash: "x", ...ids });
});

test("nobody is given the ids of the administrator", () => {
  for (const [uid = 1, gid = 1] of [
    [0, 1000],
    [1000, 0],
  ])
    expect(() => checkUserAccounts([account(uid, gid)])).toThrow(
      expect.objectContaining({ code: "InvalidPropertyValue" }),
    );
});
