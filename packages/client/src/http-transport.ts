import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Transport } from "./transport.ts";

export interface ConnectionsOptions {
  readonly url: string;
  /** How many are kept open; more calls at once wait for one. Any number unless given. */
  readonly connections?: number;
  /** Certificates of authorities to trust instead of the usual ones, as PEM. */
  readonly ca?: string;
}

/** By Node's own modules, which cost about half of what its `fetch` does. */
export function httpTransport({ url, connections = Number.POSITIVE_INFINITY, ca }: ConnectionsOptions) {
  const { protocol, hostname, port } = new URL(url);
  const kept = { keepAlive: true, maxSockets: connections };
  const isSecure = protocol === "https:";
  const agent = isSecure ? new HttpsAgent({ ...kept, ...(ca !== undefined && { ca }) }) : new HttpAgent(kept);
  const request = isSecure ? httpsRequest : httpRequest;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const transport: Transport = ({ method, target, headers, body, limit }) =>
    new Promise((resolve, reject) => {
      const message = request({ agent, host, port, method, path: target, headers }, (response) => {
        limit.whenOver((reason) => response.destroy(reason instanceof Error ? reason : new Error(String(reason))));
        resolve(answerOf(response));
      });
      limit.whenOver((reason) => {
        message.destroy();
        reject(reason);
      });
      message.on("error", reject);
      message.end(body);
    });
  return { transport, close: () => agent.destroy() };
}

function answerOf(response: IncomingMessage) {
  return {
    status: response.statusCode ?? 0,
    headers: { get: (name: string) => String(response.headers[name.toLowerCase()] ?? "") || null },
    text: () => textOf(response),
    chunks: () => response,
  };
}

/** Cheaper than to iterate over the stream. */
function textOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => resolve(Buffer.concat(chunks).toString()));
    response.on("error", reject);
  });
}
