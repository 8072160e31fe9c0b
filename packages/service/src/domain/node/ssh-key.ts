import { invalidProperty } from "@kyanite/contract";

const rule = "A public key as OpenSSH writes it: its type and the key in base64, or the key alone";
const keyTypes =
  /^(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;

/**
 * A line of `authorized_keys` for a public key, without its comment. Clients send such a line, or only the key in it.
 * @throws BatchError for what is no such key
 */
export function authorizedKey(text: string, property: string): string {
  const words = text.trim().split(/\s+/);
  const encoded = words.length === 1 ? words[0] : words[1];
  const type = keyType(encoded ?? "");
  if (type === undefined || (words.length > 1 && words[0] !== type)) throw invalidProperty(property, undefined, rule);
  return `${type} ${encoded}`;
}

/** The type that a key names itself: it begins with the length of its type's name, and that. */
function keyType(encoded: string): string | undefined {
  if (!/^[A-Za-z0-9+/]{16,}={0,2}$/.test(encoded)) return undefined;
  const key = Buffer.from(encoded, "base64");
  const type = key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");
  return keyTypes.test(type) ? type : undefined;
}
