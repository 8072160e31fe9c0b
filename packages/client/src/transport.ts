import type { Deadline } from "./deadline.ts";

export interface WireRequest {
  readonly method: string;
  readonly origin: string;
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  /** Ends the request when it is over, and the answer if that has begun. */
  readonly limit: Deadline;
}

/** An answer whose status and headers are here, and whose body is still to be read, once. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly text: () => Promise<string>;
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

/** Sends one request. Any status is an answer; rejects when there is none. */
export type Transport = (request: WireRequest) => Promise<WireAnswer>;

/** By the `fetch` that browsers and Node have. */
export const fetchTransport: Transport = async ({ method, origin, target, headers, body, limit }) => {
  const controller = new AbortController();
  limit.whenOver((reason) => controller.abort(reason));
  const { signal } = controller;
  const response = await fetch(origin + target, { method, headers, body, signal, redirect: "manual" });
  return {
    status: response.status,
    headers: response.headers,
    text: () => response.text(),
    chunks: () => chunksOf(response),
  };
};

/** Not every browser can iterate over the stream itself. */
async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  if (!reader) return;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}
