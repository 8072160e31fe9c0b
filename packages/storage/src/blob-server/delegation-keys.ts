import { createHmac } from "node:crypto";
import signatures from "azurite/dist/src/blob/authentication/IBlobSASSignatureValues.js";
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

const newestVersion = "2026-04-06";

/**
 * Reads signatures with a user delegation key as newer clients make them, too: they sign the headers and parameters that a
 * request must have, two lines behind the encryption scope, which are empty where it need not have any.
 */
export function readNewerSignatures(): void {
  const sign = signatures.generateBlobSASSignatureWithUDK;
  signatures.generateBlobSASSignatureWithUDK = (values, ...more) => {
    if (values.version < newestVersion) return sign(values, ...more);
    return sign({ ...values, encryptionScope: `${values.encryptionScope ?? ""}\n\n` }, ...more);
  };
}
