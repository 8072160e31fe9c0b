/** What a browser loads. In Node, `@kyanite/client/node` costs less for each request. */
export {
  type Answer,
  type BatchClient,
  batchClient,
  type ClientOptions,
} from "./client.ts";
export type { CallOptions, FileBody } from "./connection.ts";
export { bearer, type Credential, type SignableRequest } from "./credential.ts";
export { eventsOf, type SentEvent } from "./event-stream.ts";
export type { Pages } from "./pages.ts";
export { RequestError } from "./request-error.ts";
export { fetchTransport, type Transport, type WireAnswer, type WireRequest } from "./transport.ts";
export { sharedKey } from "./web-crypto.ts";
