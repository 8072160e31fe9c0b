import type { StorageAccount } from "@kyanite/storage";
import { type LocalIssuer, localTenant, TokenRefused } from "../identity/local-issuer.ts";
import type { HttpAnswer } from "./answers.ts";
import { authorityPage } from "./authority-paths.ts";
import { cloudDescription } from "./cloud-description.ts";
import { isFromThisMachine } from "./loopback.ts";
import type { Extension, HttpRequest } from "./serve.ts";
import { parameter, readSearch, splitTarget } from "./target.ts";

export interface SignInOptions {
  readonly issuer: LocalIssuer;
  /** Storage accounts that a description of the server as a cloud tells of. */
  readonly storage: readonly StorageAccount[];
  readonly now: () => Date;
}

/**
 * The local issuer as Azure's clients know an authority: its description, its public keys, and tokens for service
 * principals. Only this machine may sign in: secrets are not sent over a network to a development issuer.
 */
export function signInPages({ issuer, storage, now }: SignInOptions): Extension {
  return async (request) => {
    const { path, query } = splitTarget(request.target);
    const isCloud = path.replace(/\/$/, "") === "/metadata/endpoints";
    const page = authorityPage(request.method, path);
    if (!isCloud && page === undefined && !path.startsWith(`/${localTenant}/`)) return undefined;
    if (!isFromThisMachine(request)) return json(403, { error: "access_denied" });
    if (isCloud && request.method === "GET")
      return json(200, cloudDescription(request.origin, parameter(readSearch(query), "api-version"), storage));
    switch (page) {
      case "configuration":
        return json(200, issuerDescription(`${request.origin}/${localTenant}`));
      case "instance":
        return json(200, instanceDescription(request.origin));
      case "keys":
        return json(200, issuer.jwks);
      case "token":
        return issueToken(request, issuer, now());
      case undefined:
        return json(404, { error: "not_found", error_description: howToSignIn });
    }
  };
}

/** Browsers, device codes and certificates are what clients also try. */
const howToSignIn = "Here service principals sign in, with a secret only: see kyanite identity add";

function issuerDescription(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth2/authorize`,
    token_endpoint: `${issuer}/oauth2/token`,
    jwks_uri: `${issuer}/discovery/keys`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
    grant_types_supported: ["client_credentials"],
    response_types_supported: ["token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
  };
}

/** What clients ask of an authority whose name they do not know: which names mean the same, and where it describes itself. */
function instanceDescription(origin: string) {
  const { host } = new URL(origin);
  return {
    tenant_discovery_endpoint: `${origin}/${localTenant}/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

/** A bound on the size of the form, which anybody on this machine may send. */
const largestFormBytes = 16 * 1024;

async function issueToken(request: HttpRequest, issuer: LocalIssuer, now: Date): Promise<HttpAnswer> {
  const form = new URLSearchParams((await request.readStrangersBody(largestFormBytes)).toString("utf8"));
  if (form.has("client_assertion")) return json(401, { error: "invalid_client", error_description: howToSignIn });
  const [basicId, basicSecret] = basicCredential(request.headers.authorization);
  try {
    const { accessToken, expiresInSeconds } = await issuer.issue(
      {
        origin: request.origin,
        grantType: form.get("grant_type") ?? "",
        clientId: form.get("client_id") ?? basicId ?? "",
        secret: form.get("client_secret") ?? basicSecret ?? "",
        scope: form.get("scope") ?? "",
        resource: form.get("resource") ?? "",
      },
      now,
    );
    return json(200, { token_type: "Bearer", expires_in: expiresInSeconds, access_token: accessToken });
  } catch (cause) {
    if (!(cause instanceof TokenRefused)) throw cause;
    return json(cause.code === "invalid_client" ? 401 : 400, { error: cause.code, error_description: cause.message });
  }
}

function basicCredential(header: string | string[] | undefined): (string | undefined)[] {
  const encoded = /^Basic (.+)$/i.exec(String(header ?? ""))?.[1];
  if (encoded === undefined) return [];
  const [id, ...secret] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  return [id ?? "", secret.join(":")].map(decoded);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Then it was not encoded in the first place.
    return text;
  }
}

function json(status: number, body: object): HttpAnswer {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return { status, headers, body: JSON.stringify(body) };
}
