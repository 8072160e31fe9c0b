import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";
import { type BatchClient, nodeClient, sharedKey } from "@kyanite/client/node";

export interface Account {
  readonly url: string;
  readonly name: string;
  readonly key: string;
}

interface Connections {
  /** How many are kept open; more calls at once wait for one. */
  readonly connections: number;
  /** Every call rejects once it has aborted. */
  readonly signal: AbortSignal;
}

/** Our own client, which costs less than others, so that what is measured is the server. */
export function leanClient({ url, name, key }: Account, connections: Connections): BatchClient & Disposable {
  const version = "2022-10-01.16.0";
  return nodeClient({ url, credential: sharedKey(name, key), version, timeoutSeconds: 300, ...connections });
}

export const officialClient = ({ url, name, key }: Account) =>
  new BatchServiceClient(new BatchSharedKeyCredentials(name, key), url);
