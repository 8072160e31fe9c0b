import type { HttpAnswer } from "../answers.ts";
import type { HttpRequest } from "../serve.ts";

/** What every answer of the management plane has. */
export function commonHeaders({ requestId, headers }: HttpRequest): Record<string, string> {
  const clientRequestId = headers["x-ms-client-request-id"];
  return {
    "x-ms-request-id": requestId,
    "x-ms-correlation-request-id": requestId,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
    ...(typeof clientRequestId === "string" ? { "x-ms-client-request-id": clientRequestId } : {}),
  };
}

export function jsonAnswer(status: number, headers: Record<string, string>, body: unknown): HttpAnswer {
  return {
    status,
    headers: { ...headers, "content-type": "application/json; charset=utf-8" },
    body: JSON.stringify(body),
  };
}
