import type { StorageRole } from "@kyanite/storage";
import type { Grant, Role } from "../domain/account/caller.ts";

const storageRoles: Readonly<Record<Role, StorageRole>> = {
  reader: "reader",
  submitter: "contributor",
  operator: "contributor",
  owner: "owner",
};

/**
 * What a grant permits in the storage account that comes with a server; undefined when that is nothing. All Batch accounts
 * keep their files there, so a grant on one of them is none.
 */
export const storageRoleOf = ({ role, accountName }: Grant): StorageRole | undefined =>
  accountName === undefined ? storageRoles[role] : undefined;
