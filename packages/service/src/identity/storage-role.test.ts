import { expect, test } from "vitest";
import { roles } from "../domain/account/caller.ts";
import { storageRoleOf } from "./storage-role.ts";

test("whoever submits to all accounts writes blobs, and a role on one account gives none", () => {
  const storageRoles = roles.map((role) => storageRoleOf({ role }));
  expect(storageRoles).toEqual(["reader", "contributor", "contributor", "owner"]);
  expect(storageRoleOf({ role: "owner", accountName: "one" })).toBeUndefined();
});
