import { type LocalIssuer, localTenant, TokenRefused } from "../identity/local-issuer.ts";
import type { HttpAnswer } from "./answers.ts";
import { isFromThisMachine } from "./loopback.ts";
import type { Extension, HttpRequest } from "./serve.ts";

export interface SignInOptions {
  readonly issuer: LocalIssuer;
  readonly now: () => Date;
}

/**
 * The local issuer as Azure's clients know an authority: its description, its public keys, and tokens for service
 * principals. Only this machine may sign in: secrets are not sent over a network to a development issuer.
 */
export function signInPages({ issuer, now }: SignInOptions): Extension {
  return async (request) => {
    const [path = ""] = request.target.split("?");
    const base = `/${localTenant}`;
    if (path !== "/metadata/endpoints" && !path.startsWith(`${base}/`)) return undefined;
    if (!isFromThisMachine(request)) return json(403, { error: "access_denied" });
    switch (`${request.method} ${path}`) {
      case "GET /metadata/endpoints":
        return json(200, cloudDescription(request.origin));
      case `GET ${base}/.well-known/openid-configuration`:
      case `GET ${base}/v2.0/.well-known/openid-configuration`:
      // As `az login --tenant adfs` asks: the tenant once more behind an authority that ends with it.
      case `GET ${base}${base}/.well-known/openid-configuration`:
        return json(200, issuerDescription(`${request.origin}${base}`));
      case `GET ${base}/discovery/keys`:
        return json(200, issuer.jwks);
      case `POST ${base}/oauth2/token`:
      case `POST ${base}/oauth2/v2.0/token`:
        return issueToken(request, issuer, now());
      default:
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

/** What `az cloud register --endpoint-resource-manager` asks of a cloud. */
function cloudDescription(origin: string) {
  return {
    galleryEndpoint: origin,
    graphEndpoint: origin,
    portalEndpoint: origin,
    authentication: { loginEndpoint: `${origin}/${localTenant}`, audiences: ["https://management.core.windows.net/"] },
  };
}

async function issueToken(request: HttpRequest, issuer: LocalIssuer, now: Date): Promise<HttpAnswer> {
  const form = new URLSearchParams(request.body.toString("utf8"));
  if (form.has("client_assertion")) return json(401, { error: "invalid_client", error_description: howToSignIn });
  const [basicId, basicSecret] = basicCredential(request.headers.authorization);
  try {
    const { accessToken, expiresInSeconds } = await issuer.issue(
      {
        origin: request.origin,
        grantType: form.get("grant_type") ?? "",
        clientId: form.get("client_id") ?? basicId ?? "",
        secret: form.get("client_secret") ?? basicSecret ?? "",
        resource: form.get("scope")?.split(" ")[0] ?? form.get("resource") ?? "",
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
