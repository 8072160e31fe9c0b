import { createContainer, deleteBlob, hasBlob, type StorageAccount, signUrl } from "@kyanite/storage";
import type { StorageAccounts } from "./domain/storage.ts";

/** What the service does with the storage accounts whose keys it has; the first belongs to the first account. */
export function storageAccounts(accounts: readonly StorageAccount[]): StorageAccounts {
  const find = (name: string) => {
    const account = accounts.find(({ accountName }) => accountName === name);
    if (!account) throw new Error(`The storage account ${name} is linked, but this server has no key of it`);
    return account;
  };
  return {
    names: accounts.map(({ accountName }) => accountName),
    signedUrl: ({ storageAccount, ...place }) => signUrl(find(storageAccount), place),
    ensureContainer: async ({ storageAccount, container }) => {
      await createContainer(find(storageAccount), container);
    },
    hasBlob: ({ storageAccount, ...place }) => hasBlob(find(storageAccount), place),
    deleteBlob: ({ storageAccount, ...place }) => deleteBlob(find(storageAccount), place),
  };
}
