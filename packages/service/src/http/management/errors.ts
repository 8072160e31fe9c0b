import { BatchError, ManagementError } from "@kyanite/contract";
import type { HttpAnswer } from "../answers.ts";
import { NotModified } from "../conditions.ts";
import { blameFor, type FailureOptions, retryHeaders } from "../failures.ts";
import type { HttpRequest } from "../serve.ts";

/** The answer for something thrown, in the form that clients of Azure's management plane read. */
export function managementErrorAnswer(cause: unknown, request: HttpRequest, options: FailureOptions): HttpAnswer {
  const headers = { "x-ms-request-id": request.requestId, "x-ms-correlation-request-id": request.requestId };
  if (cause instanceof NotModified) return { status: 304, headers };
  const error = known(cause, request, options);
  const body = {
    error: { code: error.code, message: textOf(error), ...targetOf(error), ...detailsOf(error) },
  };
  return {
    status: error.status,
    errorCode: error.code,
    headers: {
      ...headers,
      "content-type": "application/json; charset=utf-8",
      ...(error.status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...retryHeaders(error.status),
    },
    body: JSON.stringify(body),
  };
}

function known(cause: unknown, request: HttpRequest, options: FailureOptions): ManagementError | BatchError {
  if (cause instanceof ManagementError || cause instanceof BatchError) return cause;
  const blame = blameFor(cause, request, options);
  return new ManagementError(blame === "database" ? "ServerBusy" : "InternalServerError");
}

function textOf(error: ManagementError | BatchError): string {
  if (!(error instanceof BatchError)) return error.message;
  const { PropertyName: property, Reason: reason } = error.values;
  // Many clients show nothing but this text.
  const detail = [property, reason].filter((part) => part !== undefined).join(": ");
  return detail === "" ? error.message : `${error.message} ${detail}`;
}

function targetOf(error: ManagementError | BatchError): { target?: string } {
  const target = error instanceof BatchError ? error.values.PropertyName : error.target;
  return target === undefined ? {} : { target };
}

/** What the data plane says in name and value pairs. */
function detailsOf(error: ManagementError | BatchError): { details?: object[] } {
  if (!(error instanceof BatchError)) return {};
  return { details: Object.entries(error.values).map(([code, message]) => ({ code, message })) };
}
