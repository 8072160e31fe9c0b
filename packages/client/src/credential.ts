import { signedOcpHeaders, signedParameters, textToSign } from "@kyanite/contract/shared-key";

/** As much of a request as a signature covers. */
export interface SignableRequest {
  readonly method: string;
  /** Path and query as they are sent, encoded. */
  readonly target: string;
  /** By names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What proves who asks: gives the value of the header `Authorization`. */
export type Credential = (request: SignableRequest) => string | Promise<string>;

/** @param token itself, or what gets one that is still valid; asked for each request */
export function bearer(token: string | (() => string | Promise<string>)): Credential {
  return typeof token === "string" ? () => `Bearer ${token}` : async () => `Bearer ${await token()}`;
}

/** What `sharedKey` signs, whichever library computes the signature. */
export function signedText({ method, target, headers }: SignableRequest, account: string): string {
  const [path = "", query = ""] = target.split("?");
  const { "content-length": contentLength = "", date = "" } = headers;
  const ocpHeaders = signedOcpHeaders(headers);
  const parameters = signedParameters(new URLSearchParams(query));
  return textToSign({ method, headers, contentLength, date, ocpHeaders, account, path, parameters });
}
