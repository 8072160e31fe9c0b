import type { Bearer } from "../domain/account/caller.ts";
import { ownOrigins } from "../http/own-origin.ts";
import type { Listening } from "../http/server.ts";
import { type LocalIssuer, openLocalIssuer } from "../identity/local-issuer.ts";
import { remoteIssuers } from "../identity/remote-issuers.ts";
import { openTaskTokens, type TaskTokens } from "../identity/task-tokens.ts";
import { verifyToken } from "../identity/tokens.ts";
import type { Database } from "../store/database.ts";
import { readHolderOfToken } from "../store/secrets.ts";
import type { ServiceParts } from "./service-parts.ts";

/** Whom the service believes. */
export interface Identities {
  readonly localIssuer: LocalIssuer;
  readonly taskTokens: TaskTokens;
  /** The account and job of a running task whose token this is. */
  readonly taskOfToken: (token: string) => ReturnType<typeof readHolderOfToken>;
  /** @returns whom a bearer token names, and what it permits on a plane */
  readonly bearerOn: (plane: "data" | "management") => (token: string, now: Date) => Promise<Bearer>;
}

type IdentityParts = Pick<ServiceParts, "listen" | "publicUrl" | "identity" | "storage" | "clock">;

/** @param listening asked when a token comes */
export async function openIdentities(
  database: Database,
  { listen: { host }, publicUrl, identity, storage, clock }: IdentityParts,
  listening: () => Listening,
): Promise<Identities> {
  const taskTokens = await openTaskTokens(database);
  const isOwnOrigin = ownOrigins({ host, publicUrl }, listening);
  const storageAccounts = storage.map(({ accountName }) => accountName);
  const localIssuer = await openLocalIssuer(database, { isOwnOrigin, storageAccounts, now: clock.now() });
  // The configured ones first: one of them may have a name that would be taken for the local one's.
  const issuers = [...remoteIssuers(identity), localIssuer];
  return {
    localIssuer,
    taskTokens,
    taskOfToken: async (token) => {
      const holder = taskTokens.read(token);
      return holder && readHolderOfToken(database, holder);
    },
    bearerOn: (plane) => (token, now) => verifyToken(token, plane, { issuers, isOwnOrigin, now }),
  };
}
