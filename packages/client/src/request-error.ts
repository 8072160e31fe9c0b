import type { ErrorCode } from "@kyanite/contract/errors";
import type { WireAnswer } from "./transport.ts";

/** The service answered that it does not do what it was asked. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: number;
  /** `HTTP 502` and the like where the answer has no code, as of a proxy or for a `HEAD`. */
  readonly code: ErrorCode | (string & {});
  /** Under which the service has logged the request. */
  readonly requestId: string | undefined;
  /** Which property, header or parameter is at fault, and the rule it breaks. */
  readonly values: Readonly<Record<string, string>>;
  /** When the service asks to be left alone for a while. */
  readonly retryAfterSeconds: number | undefined;

  constructor({ status, headers }: Pick<WireAnswer, "status" | "headers">, text: string) {
    const { code, message, values } = readBody(text);
    super(message ?? `The request was answered ${status}`);
    this.status = status;
    this.code = code ?? `HTTP ${status}`;
    this.values = values;
    this.requestId = headers.get("request-id") ?? undefined;
    const seconds = Number(headers.get("retry-after") ?? Number.NaN);
    this.retryAfterSeconds = Number.isFinite(seconds) ? seconds : undefined;
  }
}

interface ErrorBody {
  readonly code?: string;
  readonly message?: string;
  readonly values: Readonly<Record<string, string>>;
}

function readBody(text: string): ErrorBody {
  const { code, message, values } = Object(parsed(text));
  const sentence = Object(message).value;
  const pairs: readonly unknown[] = Array.isArray(values) ? values : [];
  return {
    ...(typeof code === "string" && { code }),
    // What follows the first line is the id and the time, which have places of their own.
    ...(typeof sentence === "string" && { message: sentence.split("\n")[0] ?? sentence }),
    values: Object.fromEntries(pairs.map((pair) => [String(Object(pair).key), String(Object(pair).value)])),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
