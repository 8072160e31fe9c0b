import { newKey } from "../lifecycle/account.ts";
import { type AccountPlace, ensureAccount, listAccountPlaces, readAccount } from "../store/accounts.ts";
import type { Database } from "../store/database.ts";
import { type Following, whenNoticed } from "./following.ts";
import type { ServiceParts } from "./service-parts.ts";

/** @returns the first key of the account that the service starts with */
export async function openAccount(
  database: Database,
  { account, storage, clock }: Pick<ServiceParts, "account" | "storage" | "clock">,
): Promise<string> {
  const opened = await ensureAccount(
    database,
    {
      name: account.name,
      newKeys: [account.key, newKey()],
      givenKey: account.replacesKey ? account.key : undefined,
      storageAccount: storage[0]?.accountName ?? null,
    },
    clock.now(),
  );
  return opened?.keys[0] ?? account.key;
}

/** Tells the first key of an account: now, and whenever it has changed. */
export async function followKey(
  tell: (key: string) => Promise<void>,
  { account, accountKey, ...following }: Following & Pick<ServiceParts, "account"> & { readonly accountKey: string },
): Promise<void> {
  let told = accountKey;
  await tell(told);
  await whenNoticed("accounts", following, async () => {
    const key = (await readAccount(following.database, account.name))?.keys[0] ?? told;
    if (key !== told) await tell(key);
    told = key;
  });
}

/** Tells which accounts there are: now, and whenever that has changed. */
export async function followAccounts(
  tell: (accounts: readonly AccountPlace[]) => Promise<void>,
  following: Following,
): Promise<void> {
  const tellAll = async () => tell(await listAccountPlaces(following.database));
  await tellAll();
  await whenNoticed("accounts", following, tellAll);
}
