import { createHmac } from "node:crypto";
import { Agent, request } from "node:http";
import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";

export interface Account {
  readonly url: string;
  readonly name: string;
  readonly key: string;
}

/** As little of a client as can be, so that what is measured is the server. */
export interface RawClient extends Disposable {
  /** The answer, of which the caller knows the shape. Rejects with status and body when the call did not succeed. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
}

const apiVersion = "2022-10-01.16.0";

interface Connections {
  /** How many are kept open; more calls at once wait for one. */
  readonly connections: number;
  /** Every call rejects once it has aborted. */
  readonly signal: AbortSignal;
}

export function rawClient(account: Account, { connections, signal }: Connections): RawClient {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const close = () => agent.destroy();
  signal.addEventListener("abort", close, { once: true });
  return {
    call: async (method, path, body) => {
      signal.throwIfAborted();
      return send(account, agent, { method, path, body });
    },
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", close);
      close();
    },
  };
}

export const officialClient = ({ url, name, key }: Account) =>
  new BatchServiceClient(new BatchSharedKeyCredentials(name, key), url);

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

function send<T>({ url, name, key }: Account, agent: Agent, { method, path, body }: Asked): Promise<T> {
  const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const target = `${path}${path.includes("?") ? "&" : "?"}api-version=${apiVersion}`;
  const headers = {
    "ocp-date": new Date().toUTCString(),
    ...(content ? { "content-type": "application/json; odata=minimalmetadata", "content-length": content.length } : {}),
  };
  const signature = createHmac("sha256", Buffer.from(key, "base64"))
    .update(stringToSign(method, target, headers, name))
    .digest("base64");
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(target, url),
      { method, agent, headers: { ...headers, authorization: `SharedKey ${name}:${signature}` } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) >= 300) return reject(new Error(`${response.statusCode} ${text}`));
          resolve(text === "" ? undefined : JSON.parse(text));
        });
      },
    );
    call.on("error", reject);
    call.end(content);
  });
}

function stringToSign(
  method: string,
  target: string,
  headers: Record<string, string | number>,
  account: string,
): string {
  const [path = "", query = ""] = target.split("?");
  const parameters = query
    .split("&")
    .map((pair) => pair.split("=").map(decodeURIComponent))
    .sort(([one = ""], [other = ""]) => (one < other ? -1 : 1))
    .map(([name, value]) => `\n${name}:${value}`)
    .join("");
  const { "content-length": length = "", "content-type": type = "" } = headers;
  const parts = [method, "", "", length, "", type, "", "", "", "", "", "", `ocp-date:${headers["ocp-date"]}`];
  return `${parts.join("\n")}\n/${account}${path}${parameters}`;
}
