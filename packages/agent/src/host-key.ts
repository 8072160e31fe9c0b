import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readTextIfExists, writeFileAtomically } from "@kyanite/runtime";

/**
 * The secret of a host, which it makes itself. Its SHA-256 is the host's id for the service, so that nobody else can
 * speak as this host, and nobody has to be told of it before.
 */
export async function openHostKey(directory: string): Promise<string> {
  const file = join(directory, "key");
  const known = await readTextIfExists(file);
  if (known !== undefined) return known.trim();
  const key = randomBytes(32).toString("base64url");
  await writeFileAtomically(file, key);
  return key;
}
