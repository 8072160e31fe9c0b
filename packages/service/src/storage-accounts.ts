import { BatchError } from "@kyanite/contract";
import {
  atOwnAddress,
  copyBlob,
  createBlob,
  createContainer,
  deleteBlob,
  hasBlob,
  isStorageAway,
  readBlob,
  type StorageAccount,
  signUrl,
} from "@kyanite/storage";
import type { StorageAccounts } from "./domain/account/storage.ts";

/** What the service does with the storage accounts whose keys it has; the first belongs to the first account. */
export function storageAccounts(accounts: readonly StorageAccount[]): StorageAccounts {
  const find = (name: string) => {
    const account = accounts.find(({ accountName }) => accountName === name);
    if (!account) throw new Error(`The storage account ${name} is linked, but this server has no key of it`);
    return account;
  };
  return {
    names: accounts.map(({ accountName }) => accountName),
    ownUrl: (url) => atOwnAddress(url, accounts),
    signedUrl: ({ storageAccount, ...place }) => signUrl(find(storageAccount), place),
    ensureContainer: async ({ storageAccount, container }) => {
      await answered(createContainer(find(storageAccount), container));
    },
    hasBlob: ({ storageAccount, ...place }) => answered(hasBlob(find(storageAccount), place)),
    copyBlob: ({ storageAccount, ...place }) => answered(copyBlob(find(storageAccount), place)),
    createBlob: ({ storageAccount, ...blob }) => answered(createBlob(find(storageAccount), blob)),
    readBlob: ({ storageAccount, ...place }, mostBytes) => answered(readBlob(find(storageAccount), place, mostBytes)),
    deleteBlob: ({ storageAccount, ...place }) => answered(deleteBlob(find(storageAccount), place)),
  };
}

/** Storage that does not answer will do so again; whoever waits is told to come back. */
async function answered<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (cause) {
    if (!isStorageAway(cause)) throw cause;
    throw new BatchError("ServerBusy", { Reason: "The storage account does not answer" }, { cause });
  }
}
