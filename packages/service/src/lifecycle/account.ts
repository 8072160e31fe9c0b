import { randomBytes } from "node:crypto";
import {
  type BatchAccountCreateParameters,
  type BatchAccountUpdateParameters,
  BatchError,
  ManagementError,
} from "@kyanite/contract";
import { type Account, allowedModes } from "../domain/account/account.ts";
import { changedSpec, checkAccount, isAccountName, storageAccountName } from "../domain/account/new-account.ts";
import { countAccounts, holdAccount, insertAccount, saveAccount } from "../store/accounts.ts";
import type { Sql } from "../store/database.ts";
import { notify } from "../store/notices.ts";
import { lockExistingAccount } from "./existing.ts";

/** A key of an account: 64 random bytes in base64. */
export const newKey = () => randomBytes(64).toString("base64");

export interface AccountPlace {
  readonly name: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
}

export interface AccountLimits {
  /** Names of the storage accounts that can be linked. */
  readonly storageNames: readonly string[];
  readonly accountQuota: number;
}

/** Makes an account with two new keys. */
export async function createAccount(
  sql: Sql,
  { name, subscriptionId, resourceGroup }: AccountPlace,
  body: BatchAccountCreateParameters,
  { storageNames, accountQuota, now }: AccountLimits & { readonly now: Date },
): Promise<Account> {
  if (!isAccountName(name))
    throw new ManagementError("InvalidRequestBody", "A name is 3 to 24 small letters and digits.", "accountName");
  checkAccount(body);
  const storageAccount = linkedStorage(body.properties, storageNames) ?? null;
  if ((await countAccounts(sql)) >= accountQuota)
    throw new ManagementError(
      "OperationNotSupported",
      `There may be ${accountQuota} accounts (setting account-quota).`,
    );
  const keys = [newKey(), newKey()];
  const lastKeySync = storageAccount === null ? null : now;
  const spec = { ...body, location: body.location.toLowerCase().replaceAll(" ", "") };
  const account = { name, keys, subscriptionId, resourceGroup, storageAccount, lastKeySync, spec };
  const inserted = await insertAccount(sql, account, now);
  if (!inserted) throw new ManagementError("AccountAlreadyExists");
  await notify(sql, "accounts");
  return inserted;
}

/** Changes the given properties of an account. */
export async function updateAccount(
  sql: Sql,
  name: string,
  body: BatchAccountUpdateParameters,
  { storageNames, now }: Pick<AccountLimits, "storageNames"> & { readonly now: Date },
): Promise<Account> {
  checkAccount(body);
  const account = await lockExistingAccount(sql, name);
  const storageAccount = linkedStorage(body.properties, storageNames) ?? account.storageAccount;
  const isLinked = storageAccount !== account.storageAccount;
  const lastKeySync = isLinked ? now : account.lastKeySync;
  return saveAccount(sql, { ...account, storageAccount, lastKeySync, spec: changedSpec(account.spec, body) });
}

function linkedStorage(
  properties: BatchAccountUpdateParameters["properties"],
  storageNames: readonly string[],
): string | undefined {
  const name = storageAccountName(properties);
  if (name === undefined || storageNames.includes(name)) return name;
  const known = `Known are ${storageNames.join(", ")}.`;
  throw new ManagementError("StorageAccountNotFound", known, "properties.autoStorage.storageAccountId");
}

/** Takes over the keys that the linked storage account has now. */
export async function synchronizeKeys(sql: Sql, name: string, now: Date): Promise<void> {
  const account = await lockExistingAccount(sql, name);
  if (account.storageAccount === null) throw new ManagementError("AutoStorageNotConfigured");
  await saveAccount(sql, { ...account, lastKeySync: now });
}

/** @throws ManagementError SharedKeyNotAllowed when the account does not accept its keys */
export function checkKeysAllowed(account: Account): void {
  if (!allowedModes(account).includes("SharedKey")) throw new ManagementError("SharedKeyNotAllowed");
}

/** Replaces a key; the old one is worth nothing from here on. */
export async function regenerateKey(sql: Sql, name: string, which: "Primary" | "Secondary"): Promise<Account> {
  const account = await lockExistingAccount(sql, name);
  checkKeysAllowed(account);
  const [primary = newKey(), secondary = newKey()] = account.keys;
  const keys = which === "Primary" ? [newKey(), secondary] : [primary, newKey()];
  await notify(sql, "accounts");
  return saveAccount(sql, { ...account, keys });
}

/** Begins to delete an account with everything in it; the data plane is closed from here on. */
export async function beginDeleteAccount(sql: Sql, name: string): Promise<void> {
  const account = await lockExistingAccount(sql, name);
  await saveAccount(sql, { ...account, state: "deleting" });
  await notify(sql, "accounts");
}

/**
 * Keeps an account while something is added to it: it may have been deleted since the request was let in.
 * @throws BatchError AccountIsDisabled when it is gone
 */
export async function requireAccount(sql: Sql, account: Pick<Account, "pk">): Promise<void> {
  if (!(await holdAccount(sql, account))) throw new BatchError("AccountIsDisabled");
}
