import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { AnswerAddress } from "../files-answer.ts";

/** The service has no use for it, and never will. */
const refusals = [400, 404, 409, 413];

/** So long the service may say nothing. */
const patience = 60_000;

/** Posts what is kept of a file to the service. */
export async function postKeptFile(
  { runId, number }: { readonly runId: string; readonly number: number },
  content: Buffer,
  { serviceUrl, headers, signal }: AnswerAddress,
): Promise<"taken" | "refused" | "away"> {
  const url = new URL(`${serviceUrl}/agent/kept/${runId}/${number}`);
  const open = url.protocol === "https:" ? requestHttps : requestHttp;
  const request = open(url, {
    method: "POST",
    signal,
    timeout: patience,
    headers: { ...headers, "content-type": "application/octet-stream", "content-length": content.length },
  });
  request.once("timeout", () => request.destroy(new Error("the service does not answer")));
  const status = new Promise<number>((resolve, reject) =>
    request.once("error", reject).once("response", (response) => {
      response.resume().once("error", reject);
      resolve(response.statusCode ?? 0);
    }),
  );
  request.end(content);
  const code = await status;
  if (code >= 200 && code < 300) return "taken";
  return refusals.includes(code) ? "refused" : "away";
}
