import { Readable } from "node:stream";

/** Held of a stream that nobody reads. */
const bufferBytes = 64 * 1024;

/**
 * A stream of what a generator yields, which must not be empty. Unlike with `Readable.from`, a generator that waits is
 * told when nobody reads any more: its signal aborts.
 */
export function streamed(generate: (stopped: AbortSignal) => AsyncGenerator<Uint8Array | string>): Readable {
  const stopped = new AbortController();
  const generator = generate(stopped.signal);
  return new Readable({
    highWaterMark: bufferBytes,
    read() {
      generator.next().then(
        ({ value, done }) => this.push(done ? null : value),
        (cause: Error) => this.destroy(cause),
      );
    },
    destroy(cause, callback) {
      stopped.abort();
      // It has its own ends to tie up; whoever destroys does not wait for that.
      generator.return(undefined).catch(() => {});
      callback(cause);
    },
  });
}
