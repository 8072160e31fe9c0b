import type { AuthenticationMode, BatchAccountCreateParameters } from "@kyanite/contract";

/** A Batch account: the owner of every other resource. */
export interface Account {
  readonly pk: number;
  readonly name: string;
  /** Base64; each signs. */
  readonly keys: readonly string[];
  /** One that is `deleting` goes with everything in it. */
  readonly state: "active" | "deleting";
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Name of the linked storage account. */
  readonly storageAccount: string | null;
  readonly lastKeySync: Date | null;
  /** What the client of the management plane gave. */
  readonly spec: BatchAccountCreateParameters;
}

const everyMode: readonly AuthenticationMode[] = ["SharedKey", "AAD", "TaskAuthenticationToken"];

/** How callers of the account may prove who they are. */
export function allowedModes({ spec }: Account): readonly AuthenticationMode[] {
  return spec.properties?.allowedAuthenticationModes ?? everyMode;
}
