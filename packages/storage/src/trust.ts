import { writeFileAtomically } from "@kyanite/runtime";

/** What a principal may do with all containers and blobs of an account; each role all that the one before it may. */
export const storageRoles = ["reader", "contributor", "owner"] as const;
export type StorageRole = (typeof storageRoles)[number];

/** Whose tokens the bundled storage believes. No secret is in it: keys are public ones. */
export interface Trust {
  /** Where clients sign in, such as `https://localhost:10443/adfs`. Tokens name it as their client reached it. */
  readonly authority: string;
  /** The keys with which the authority signs, as a JSON Web Key Set has them. */
  readonly keys: readonly Readonly<Record<string, unknown>>[];
  /** By their ids, which tokens have as their subject. */
  readonly principals: Readonly<Record<string, StorageRole>>;
}

export const writeTrust = (file: string, trust: Trust) => writeFileAtomically(file, `${JSON.stringify(trust)}\n`);
