import { readFile, stat } from "node:fs/promises";
import { hasErrorCode } from "@kyanite/runtime";
import { createLocalJWKSet, type JWTVerifyGetKey } from "jose";
import type { StorageRole, Trust } from "../trust.ts";

/** Whose tokens are believed, ready to verify them. */
export interface Trusted {
  readonly authority: string;
  readonly keyOf: JWTVerifyGetKey;
  /** Undefined for whom the authority does not know any more, and for whom it gives nothing in the storage. */
  readonly roleOf: (principal: string) => StorageRole | undefined;
}

function trusted({ authority, keys, principals }: Trust): Trusted {
  const roles = new Map(Object.entries(principals));
  return {
    authority,
    keyOf: createLocalJWKSet({ keys: keys.map((key) => ({ kty: "RSA", ...key })) }),
    roleOf: (principal) => roles.get(principal),
  };
}

/**
 * @returns what gives those that the file names at the moment it is asked, so that a principal that was removed is out with
 * the next request; undefined when there is no file, or none that can be read: then nobody is trusted
 */
export function followTrusted(file: string): () => Promise<Trusted | undefined> {
  let known: { readonly version: string; readonly trusted: Trusted } | undefined;
  return async () => {
    try {
      // It is replaced whole each time, and so is another file then.
      const { ino, mtimeNs } = await stat(file, { bigint: true });
      const version = `${ino} ${mtimeNs}`;
      if (known?.version !== version) known = { version, trusted: trusted(JSON.parse(await readFile(file, "utf8"))) };
      return known.trusted;
    } catch (cause) {
      if (!hasErrorCode(cause, "ENOENT")) console.error("no tokens are believed", cause);
      return undefined;
    }
  };
}
