import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestEncrypted } from "node:https";
import type { LookupFunction } from "node:net";
import type { Clock } from "@kyanite/runtime";
import type { Attempt } from "../domain/webhook/attempt.ts";
import type { Message } from "../domain/webhook/cloud-event.ts";
import type { Webhook } from "../domain/webhook/webhook.ts";
import { addressFinder, type FindAddresses } from "./find-addresses.ts";
import type { Networks } from "./networks.ts";
import { sign } from "./signature.ts";
import { forbidden, urlProblem } from "./webhook-url.ts";

/** Sends a message to the receiver of a webhook, once; whatever goes wrong is what came of it. */
export type SendWebhook = (
  webhook: Pick<Webhook, "url" | "secret">,
  message: Message,
  signal: AbortSignal,
) => Promise<Attempt>;

export interface SenderOptions {
  readonly networks: Networks;
  /** A receiver that has not answered by then has not taken it; 10 unless given. */
  readonly timeoutSeconds?: number;
  /** Instead of the system's. */
  readonly nameServers?: readonly string[];
  readonly clock: Clock;
}

export function webhookSender({ networks, timeoutSeconds = 10, nameServers, clock }: SenderOptions): SendWebhook {
  const find = addressFinder(nameServers);
  return async ({ url, secret }, { id, contentType, body }, stopped) => {
    const reason = urlProblem(url, networks);
    if (reason !== undefined) return { kind: "unanswered", reason };
    const timestamp = Math.floor(clock.now().getTime() / 1000);
    const headers = {
      "content-type": contentType,
      "content-length": Buffer.byteLength(body),
      "user-agent": "Kyanite",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": sign(secret, { id, timestamp, body }),
    };
    // What `any` makes does not keep its sources: one that nobody holds is collected, and never aborts.
    const late = AbortSignal.timeout(timeoutSeconds * 1000);
    try {
      return await post(new URL(url), { headers, body, networks, find, signal: AbortSignal.any([late, stopped]) });
    } catch (cause) {
      if (late.aborted) return { kind: "unanswered", reason: `No answer within ${timeoutSeconds} seconds` };
      return { kind: "unanswered", reason: cause instanceof Error ? cause.message : String(cause) };
    }
  };
}

interface Post {
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
  readonly networks: Networks;
  readonly find: FindAddresses;
  readonly signal: AbortSignal;
}

/** Each request has a connection of its own, to an address that was checked for it. Redirects are answers like others. */
function post(url: URL, { headers, body, networks, find, signal }: Post): Promise<Attempt> {
  const isEncrypted = url.protocol === "https:";
  const send = isEncrypted ? requestEncrypted : requestPlain;
  const lookup = permittedLookup(find, networks, isEncrypted);
  const options = { method: "POST", headers, agent: false, lookup, signal };
  return new Promise((resolve, reject) => {
    let answer: Attempt | undefined;
    let interimAnswers = 0;
    const request = send(url, options, (response) => {
      dropBody(response);
      answer = { kind: "answered", status: response.statusCode ?? 0, ...retryAfter(response) };
    });
    request.on("information", () => {
      interimAnswers++;
      if (interimAnswers > mostInterimAnswers) request.destroy(new Error("The receiver did not come to its answer"));
    });
    // Without a listener a connection that changes its protocol would be closed and nobody told.
    request.on("upgrade", (response, socket) => {
      answer = { kind: "answered", status: response.statusCode ?? 0 };
      socket.destroy();
    });
    request.on("error", (cause) => {
      if (!answer) reject(cause);
    });
    // Not before: whoever limits how many requests there are limits connections.
    request.on("close", () => resolve(answer ?? { kind: "unanswered", reason: "The connection was closed" }));
    request.end(body);
  });
}

/** Looks up a name and leaves out the addresses that nothing may be sent to: the connection is made to what it gives. */
function permittedLookup(find: FindAddresses, { permits }: Networks, isEncrypted: boolean): LookupFunction {
  return (host, options, callback) => {
    const take = (found: Awaited<ReturnType<FindAddresses>>) => {
      const permitted = found.filter(({ address }) => permits(address, isEncrypted));
      const [first] = permitted;
      if (!first) return callback(new Error(forbidden(host, isEncrypted)), "");
      if (options.all) return callback(null, permitted);
      callback(null, first.address, first.family);
    };
    find(host).then(take, (cause) => callback(cause, ""));
  };
}

const mostBodyBytes = 64 * 1024;
/** Such as `100 Continue`. */
const mostInterimAnswers = 16;

/** What a receiver says is not looked at. It may finish its answer, as long as that is short. */
function dropBody(response: IncomingMessage): void {
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > mostBodyBytes) response.destroy();
  });
  response.on("error", () => {});
}

/** In seconds; dates are not heeded. */
function retryAfter({ headers }: IncomingMessage) {
  const text = headers["retry-after"] ?? "";
  return /^\d{1,9}$/.test(text) ? { retryAfterSeconds: Number(text) } : {};
}
