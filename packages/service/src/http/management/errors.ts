import { BatchError, ManagementError } from "@kyanite/contract";
import type { Log } from "@kyanite/runtime";
import type { HttpAnswer } from "../answers.ts";
import { NotModified } from "../conditions.ts";
import type { HttpRequest } from "../serve.ts";

interface ErrorOptions {
  readonly isDatabaseAway: (cause: unknown) => boolean;
  readonly log: Log;
}

/** The answer for something thrown, in the form that clients of Azure's management plane read. */
export function managementErrorAnswer(cause: unknown, request: HttpRequest, options: ErrorOptions): HttpAnswer {
  const headers = { "x-ms-request-id": request.requestId, "x-ms-correlation-request-id": request.requestId };
  if (cause instanceof NotModified) return { status: 304, headers };
  const error = known(cause, request, options);
  const body = {
    error: { code: error.code, message: textOf(error), ...targetOf(error), ...detailsOf(error) },
  };
  return {
    status: error.status,
    headers: {
      ...headers,
      "content-type": "application/json; charset=utf-8",
      ...(error.status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...(error.status === 503 || error.status === 429 ? { "retry-after": "2" } : {}),
    },
    body: JSON.stringify(body),
  };
}

function known(
  cause: unknown,
  request: HttpRequest,
  { isDatabaseAway, log }: ErrorOptions,
): ManagementError | BatchError {
  if (cause instanceof ManagementError || cause instanceof BatchError) return cause;
  if (isDatabaseAway(cause)) return new ManagementError("ServerBusy");
  log.error("request failed", { requestId: request.requestId, path: request.target.split("?")[0], cause });
  return new ManagementError("InternalServerError");
}

function textOf(error: ManagementError | BatchError): string {
  const reason = error instanceof BatchError ? error.values.Reason : undefined;
  return reason === undefined ? error.message : `${error.message} ${reason}`;
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
