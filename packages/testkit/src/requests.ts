import type { BatchServiceClient } from "@azure/batch";

export interface Answer {
  readonly status: number;
  /** Parsed from JSON; undefined without a body. */
  readonly body: unknown;
  /** The code of an error. */
  readonly code: string | undefined;
}

/** Sends a signed request that the official client has no method for, such as one of a newer API version. */
export async function send(
  client: BatchServiceClient,
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  { version = "2025-06-01", body }: { readonly version?: string; readonly body?: unknown } = {},
): Promise<Answer> {
  const { status, bodyAsText } = await client.sendRequest({
    method,
    url: `${client.batchUrl}${path}${path.includes("?") ? "&" : "?"}api-version=${version}`,
    headers: { "content-type": "application/json; odata=minimalmetadata" },
    ...(body === undefined ? {} : { body }),
  });
  const parsed: unknown = bodyAsText ? JSON.parse(bodyAsText) : undefined;
  return { status, body: parsed, code: codeOf(parsed) };
}

function codeOf(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("code" in body)) return undefined;
  return typeof body.code === "string" ? body.code : undefined;
}
