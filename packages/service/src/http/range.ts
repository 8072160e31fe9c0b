import { BatchError, type ByteRange, type Operation } from "@kyanite/contract";
import type { HttpRequestHead } from "./serve.ts";

/** `ocp-range: bytes=a-b` or `bytes=a-`. */
export function rangeOf({ headers }: Pick<HttpRequestHead, "headers">, operation: Operation): { range?: ByteRange } {
  const text = operation.range ? (headers["ocp-range"] ?? headers.range) : undefined;
  if (text === undefined) return {};
  const match = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(String(text));
  if (!match)
    throw new BatchError("InvalidRange", { HeaderName: "ocp-range", HeaderValue: String(text).slice(0, 100) });
  const start = Number(match[1]);
  const end = match[2] === undefined ? undefined : Number(match[2]);
  if (end !== undefined && end < start)
    throw new BatchError("InvalidRange", { HeaderName: "ocp-range", HeaderValue: String(text) });
  return { range: { start, ...(end === undefined ? {} : { end }) } };
}
