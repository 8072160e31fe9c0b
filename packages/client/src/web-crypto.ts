import { type Credential, signedText } from "./credential.ts";

/** Signs with the key of an account, by the Web Crypto that browsers and Node have. */
export function sharedKey(account: string, key: string): Credential {
  const bytes = Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
  const imported = crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return async (request) => {
    const text = new TextEncoder().encode(signedText(request, account));
    const signature = new Uint8Array(await crypto.subtle.sign("HMAC", await imported, text));
    return `SharedKey ${account}:${btoa(String.fromCharCode(...signature))}`;
  };
}
