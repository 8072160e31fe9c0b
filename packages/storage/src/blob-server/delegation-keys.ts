import { createHmac } from "node:crypto";
import utils from "azurite/dist/src/blob/utils/utils.js";

/**
 * Makes the user delegation keys of an account depend on its key. Azurite makes them with a key that is in its source,
 * and believes signatures with them always: whoever has read it could sign for any account.
 */
export function keepDelegationKeysSecret(accountKey: Buffer): void {
  const secret = createHmac("sha256", accountKey).update("user delegation keys").digest();
  utils.getUserDelegationKeyValue = (...holderAndTimes) =>
    createHmac("sha256", secret).update(holderAndTimes.join("\n")).digest("base64");
}
