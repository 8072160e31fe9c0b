import { writeSync } from "node:fs";

export type OutputStream = "stdout" | "stderr";
type Write = (stream: OutputStream, bytes: Buffer) => void;

/** Writes to files that are open, but not what is in them already. */
export function fileWriter(
  files: Readonly<Record<OutputStream, number>>,
  known: Readonly<Record<OutputStream, number>> = { stdout: 0, stderr: 0 },
): Write {
  const left = { ...known };
  return (stream, bytes) => {
    const passed = Math.min(left[stream], bytes.length);
    left[stream] -= passed;
    for (let at = passed; at < bytes.length; ) at += writeSync(files[stream], bytes, at);
  };
}

/** Takes what a runtime sends of a container, whether or not that has a terminal, which has one stream and no headers. */
export const outputTaker = (write: Write, hasTerminal: boolean): ((chunk: Buffer) => void) =>
  hasTerminal ? (bytes) => write("stdout", bytes) : demultiplexer(write);

const headerBytes = 8;

/**
 * Takes what a runtime sends of a container without a terminal: both streams in one, in pieces. Each has a header of
 * eight bytes, of which the first names the stream and the last four its length.
 */
export function demultiplexer(write: Write): (chunk: Buffer) => void {
  let header = Buffer.alloc(0);
  let left = 0;
  let stream: OutputStream = "stdout";
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + (left > 0 ? left : headerBytes - header.length));
      at += piece.length;
      if (left > 0) {
        write(stream, piece);
        left -= piece.length;
        continue;
      }
      header = Buffer.concat([header, piece]);
      if (header.length < headerBytes) return;
      stream = header[0] === 2 ? "stderr" : "stdout";
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
    }
  };
}
