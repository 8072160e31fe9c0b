import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { storageRoles } from "../trust.ts";
import { mayCall, roleNeeded } from "./blob-permissions.ts";

const operations: { readonly default: Readonly<Record<string, string | number>> } = createRequire(import.meta.url)(
  "azurite/dist/src/blob/generated/artifacts/operation.js",
);

const rolesFor = (operation: string, makesPublic = false) =>
  storageRoles.filter((role) => mayCall(role, { operation, makesPublic }));

test("every operation of the blob service takes a role", () => {
  const names = Object.values(operations.default).filter((name) => typeof name === "string");
  expect([...roleNeeded.keys()].sort()).toEqual(names.sort());
});

test("readers read, contributors write as well, and owners say who else may", () => {
  expect(rolesFor("Blob_Download")).toEqual(["reader", "contributor", "owner"]);
  expect(rolesFor("BlockBlob_Upload")).toEqual(["contributor", "owner"]);
  expect(rolesFor("Container_SetAccessPolicy")).toEqual(["owner"]);
});

test("what would make a container public takes an owner, and what is not known nobody may call", () => {
  expect(rolesFor("Container_Create", true)).toEqual(["owner"]);
  expect(rolesFor("Blob_Invented")).toEqual([]);
});
