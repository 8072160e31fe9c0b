import { apiVersions, isApiVersion, openApiDocument } from "@kyanite/contract";
import type { HttpAnswer } from "./answers.ts";
import { isFromThisMachine } from "./loopback.ts";
import type { Extension } from "./serve.ts";

export interface LocalPages {
  readonly readMetrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Pages without a credential that only this machine sees: `/metrics` and `/openapi.json`. */
export function localPages({ readMetrics }: LocalPages): Extension {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.target, "http://localhost");
    const isOurs = pathname === "/metrics" || pathname === "/openapi.json";
    if (!isOurs || request.method !== "GET") return undefined;
    if (!isFromThisMachine(request)) return text(403, "text/plain", "only for this machine\n");
    if (pathname === "/openapi.json") return describe(request.origin, searchParams.get("api-version"));
    const { contentType, body } = await readMetrics();
    return text(200, contentType, body);
  };
}

/** The description of a version, the newest unless one is asked for. */
function describe(origin: string, asked: string | null): HttpAnswer {
  const version = asked ?? apiVersions.at(-1) ?? "";
  if (!isApiVersion(version)) return text(404, "text/plain", `known versions: ${apiVersions.join(", ")}\n`);
  return text(200, "application/json", JSON.stringify(openApiDocument(origin, version)));
}

function text(status: number, contentType: string, body: string): HttpAnswer {
  return { status, headers: { "content-type": contentType, "x-content-type-options": "nosniff" }, body };
}
