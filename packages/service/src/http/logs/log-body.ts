import type { Readable } from "node:stream";
import { streamed } from "@kyanite/runtime";
import type { OpenStream } from "../open-streams.ts";
import type { LogPiece } from "./piece.ts";

type LogPieces = AsyncGenerator<LogPiece, void>;

/**
 * The body of an answer that is made of a stream's pieces.
 * @throws BatchError what the first piece would have been
 */
export async function logBody(
  stream: OpenStream,
  pieces: LogPieces,
  write: (pieces: LogPieces) => AsyncGenerator<Uint8Array | string>,
): Promise<Readable> {
  try {
    const first = await pieces.next();
    const body = streamed(() => write(withEnd(stream, first, pieces)));
    return body.once("close", () => stream.close());
  } catch (cause) {
    stream.close();
    throw cause;
  }
}

/** The pieces, and the reason why the server ends them where it does. */
async function* withEnd(stream: OpenStream, first: IteratorResult<LogPiece, void>, rest: LogPieces): LogPieces {
  if (!first.done) yield first.value;
  yield* rest;
  if (stream.end !== undefined) yield { kind: "end", reason: stream.end };
}
