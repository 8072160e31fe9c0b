import { createHmac } from "node:crypto";
import { type Credential, signedText } from "./credential.ts";

/** Signs with the key of an account; at once, where Web Crypto would go through other threads. */
export function sharedKey(account: string, key: string): Credential {
  const bytes = Buffer.from(key, "base64");
  return (request) => {
    const signature = createHmac("sha256", bytes).update(signedText(request, account)).digest("base64");
    return `SharedKey ${account}:${signature}`;
  };
}
