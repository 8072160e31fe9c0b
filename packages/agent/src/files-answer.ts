import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { pipeline } from "node:stream/promises";
import { whole } from "@kyanite/runtime";
import type { FilesReply } from "./files.ts";

export interface AnswerAddress {
  readonly serviceUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Posts an answer to the service, its body streamed as fast as the service takes it. */
export async function postFilesReply(requestId: string, reply: FilesReply, address: AnswerAddress): Promise<void> {
  const url = new URL(`${address.serviceUrl}/agent/files/${requestId}`);
  const open = url.protocol === "https:" ? requestHttps : requestHttp;
  const request = open(url, {
    method: "POST",
    signal: address.signal,
    headers: {
      ...address.headers,
      "content-type": "application/octet-stream",
      "kyanite-files": Buffer.from(JSON.stringify(reply.answer)).toString("base64url"),
      ...(reply.body === undefined || reply.contentLength !== undefined
        ? { "content-length": reply.contentLength ?? 0 }
        : {}),
    },
  });
  const answered = new Promise<void>((resolve, reject) =>
    request.once("error", reject).once("response", (response) => {
      response.resume().once("close", resolve).once("error", reject);
    }),
  );
  if (reply.body === undefined) {
    request.end();
    return answered;
  }
  const { body, contentLength } = reply;
  // Of unknown length, it may wait for ever: as a stream it is told when nobody takes it any more.
  const sent = pipeline(contentLength === undefined ? body : whole(body, contentLength), request);
  try {
    // Who has asked may be gone: then the service answers before it has everything, and the rest is not sent.
    await Promise.race([sent.then(() => answered), answered]);
  } finally {
    sent.catch(() => undefined);
    answered.catch(() => undefined);
    if (!request.writableFinished) request.destroy();
  }
}
