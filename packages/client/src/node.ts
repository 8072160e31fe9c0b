/** What a program on Node loads: as the other entry, but for the transport and the signature. */
import { type BatchClient, batchClient, type ClientOptions } from "./client.ts";
import { type ConnectionsOptions, httpTransport } from "./http-transport.ts";

export type { Answer, BatchClient } from "./client.ts";
export type { CallOptions, FileBody } from "./connection.ts";
export { bearer, type Credential, type SignableRequest } from "./credential.ts";
export { eventsOf, type SentEvent } from "./event-stream.ts";
export { sharedKey } from "./node-crypto.ts";
export type { Pages } from "./pages.ts";
export { RequestError } from "./request-error.ts";

/** A client that keeps its connections until it is disposed of. */
export function nodeClient(options: Omit<ClientOptions, "transport"> & ConnectionsOptions): BatchClient & Disposable {
  const { transport, close } = httpTransport(options);
  return { ...batchClient({ ...options, transport }), [Symbol.dispose]: close };
}
