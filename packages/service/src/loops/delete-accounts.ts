import { advanceAccountDeletions } from "../lifecycle/account-deletion.ts";
import type { Database } from "../store/database.ts";
import type { Loop } from "./loop.ts";

/** Empties accounts that are being deleted, and deletes them when they are empty. */
export function deleteAccounts(database: Database): Loop {
  return {
    name: "delete-accounts",
    everySeconds: 2,
    notice: "accounts",
    round: async (now) => {
      await advanceAccountDeletions(database, now);
      return false;
    },
  };
}
