import { createHash, timingSafeEqual } from "node:crypto";
import { apiVersions, isApiVersion, openApiDocument } from "@kyanite/contract";
import type { HttpAnswer } from "./answers.ts";
import { isFromThisMachine } from "./loopback.ts";
import type { Extension } from "./serve.ts";
import { parameter, readSearch, splitTarget } from "./target.ts";

export interface LocalPages {
  /** What whoever reads the metrics must know, beside being on this machine. */
  readonly metricsToken: string;
  readonly readMetrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/**
 * Pages that only this machine sees: `/openapi.json` for everybody on it, since it says nothing of what is here, and
 * `/metrics` for those who know its token. Tasks and their resource files call from this machine, too.
 */
export function localPages({ metricsToken, readMetrics }: LocalPages): Extension {
  return async (request) => {
    const { path, query } = splitTarget(request.target);
    const isOurs = path === "/metrics" || path === "/openapi.json";
    if (!isOurs || request.method !== "GET") return undefined;
    if (!isFromThisMachine(request)) return text(403, "text/plain", "only for this machine\n");
    if (path === "/openapi.json") return describe(request.origin, parameter(readSearch(query), "api-version"));
    if (!isToken(request.headers.authorization, metricsToken))
      return text(401, "text/plain", "give the token that the data directory has in metrics-token\n");
    const { contentType, body } = await readMetrics();
    return text(200, contentType, body);
  };
}

function isToken(authorization: string | string[] | undefined, token: string): boolean {
  const hash = (value: string) => createHash("sha256").update(value).digest();
  return timingSafeEqual(hash(String(authorization)), hash(`Bearer ${token}`));
}

/** The description of a version, the newest unless one is asked for. */
function describe(origin: string, asked: string | undefined): HttpAnswer {
  const version = asked ?? apiVersions.at(-1) ?? "";
  if (!isApiVersion(version)) return text(404, "text/plain", `known versions: ${apiVersions.join(", ")}\n`);
  return text(200, "application/json", JSON.stringify(openApiDocument(origin, version)));
}

function text(status: number, contentType: string, body: string): HttpAnswer {
  const headers = { "content-type": contentType, "x-content-type-options": "nosniff" };
  return { status, headers: { ...headers, ...(status === 401 ? { "www-authenticate": "Bearer" } : {}) }, body };
}
