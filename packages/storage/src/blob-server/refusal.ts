import type { ServerResponse } from "node:http";
import storageError from "azurite/dist/src/blob/errors/StorageError.js";
import type { StorageError } from "azurite/dist/src/stores.js";

/** What a client is told that is not let in: an error that the storage service documents. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** What exactly is wrong, if there is more to say. */
  readonly detail?: string;
  /** Where to sign in, and for what. */
  readonly challenge?: string;
}

export const overHttp: Refusal = {
  status: 403,
  code: "AuthenticationFailed",
  message:
    "Server failed to authenticate the request. Make sure the value of the Authorization header is formed correctly including the signature.",
  detail: "Authentication scheme Bearer is not allowed with HTTP.",
};

export const withoutPermission: Refusal = {
  status: 403,
  code: "AuthorizationPermissionMismatch",
  message: "This request is not authorized to perform this operation using this permission.",
};

/** @param authority where one signs in, if there is such a place */
export const wrongToken = (detail: string, authority: string | undefined): Refusal => ({
  status: 401,
  code: "InvalidAuthenticationInfo",
  message: "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
  detail,
  challenge:
    authority === undefined
      ? "Bearer"
      : `Bearer authorization_uri=${authority}/oauth2/authorize resource_id=https://storage.azure.com`,
});

export const wrongTimes = (detail: string): Refusal => ({
  status: 400,
  code: "InvalidXmlNodeValue",
  message: "The value for one of the XML nodes is not in the correct format.",
  detail,
});

/** As Azurite throws errors, and turns them into answers. */
export function asStorageError({ status, code, message, detail, challenge }: Refusal, requestId: string): StorageError {
  const more: Record<string, string> = detail === undefined ? {} : { AuthenticationErrorDetail: detail };
  const error = new storageError.default(status, code, message, requestId, more);
  if (challenge !== undefined) Object.assign(error.headers, { "WWW-Authenticate": challenge });
  return error;
}

/** Answers a request that Azurite does not get to see. */
export function answerRefusal(response: ServerResponse, error: StorageError): void {
  response.writeHead(error.statusCode, { ...error.headers, "content-type": "application/xml" });
  response.end(error.body);
}
