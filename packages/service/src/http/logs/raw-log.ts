import type { LogPiece } from "./piece.ts";

/** Names of the trailers that say how a file came to its end. */
const endTrailer = "kyanite-follow-end";
const exitCodeTrailer = "kyanite-exit-code";

/** A log as its bytes, and as trailers how it ended. */
export function rawLog() {
  const trailers: Record<string, string> = {};
  return {
    trailers: { names: [endTrailer, exitCodeTrailer], read: () => trailers },
    async *write(pieces: AsyncGenerator<LogPiece, void>): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces) {
        if (piece.kind === "data" && piece.bytes.length > 0) yield piece.bytes;
        if (piece.kind !== "end") continue;
        trailers[endTrailer] = piece.reason;
        if (typeof piece.exitCode === "number") trailers[exitCodeTrailer] = String(piece.exitCode);
      }
    },
  };
}
