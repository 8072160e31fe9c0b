import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";
import type { Log } from "@kyanite/runtime";
import type { StorageAccount } from "@kyanite/storage";
import { continueBody } from "./bodies.ts";

/** Whether a client is `az` itself, and not what a user sends with `az rest`. */
export const isAz = (userAgent: string) => /\bAZURECLI\/.*\bazsdk-python/.test(userAgent);

/**
 * The signed URL of a blob in the only form to which `az batch application package create` uploads: HTTPS, and a host
 * named ACCOUNT.blob.SUFFIX. No address is such a host, and names below `localhost` are not known everywhere. So the
 * name stands where a URL has its user, and what follows is the way to the blob through this server.
 */
export function relayedUrl(origin: string, storageAccount: string, signedUrl: string): string {
  if (/^https:\/\/[^./]+\.blob\./.test(signedUrl)) return signedUrl;
  const { pathname, search } = new URL(signedUrl);
  return `https://${storageAccount}.blob.core.@${new URL(origin).host}/uploads/${storageAccount}${pathname}${search}`;
}

/** Takes uploads to such URLs and hands them on as they come; false when the request is something else. */
export function uploadRelay(accounts: readonly StorageAccount[], log: Log) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    // Without a signature there is nothing that the storage could check.
    const [, name, rest] = /^\/uploads\/([^/?]+)(\/[^?]+\?(?:.*&)?sig=.+)$/.exec(request.url ?? "") ?? [];
    const account = accounts.find(({ accountName }) => accountName === name);
    if (request.method !== "PUT" || !account) return false;
    continueBody(request, response);
    try {
      await relay(request, response, new URL(account.blobEndpoint).origin + rest);
    } catch (cause) {
      // Its message has the storage's address and no signature.
      log.warn("upload not relayed", { storageAccount: name, cause });
      if (response.headersSent) response.destroy();
      else response.writeHead(502, { "content-length": 0 }).end();
    }
    return true;
  };
}

async function relay(request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
  // Who uploads is known by the signature; that a client makes the URL's user a credential must not matter.
  const {
    host: _host,
    authorization: _authorization,
    connection: _connection,
    expect: _expect,
    ...headers
  } = request.headers;
  const upstream = (url.startsWith("https:") ? httpsRequest : httpRequest)(url, { method: "PUT", headers });
  response.once("close", () => upstream.destroy());
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    upstream.once("response", resolve).on("error", reject);
    // No pipeline: that would end the client's connection, and with it our answer, when the storage does not answer.
    request.pipe(upstream);
  });
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  await pipeline(answer, response);
}
