import { crc32 } from "node:zlib";

/** What has become of one document of the index: what it says now, or null when it is gone. */
export interface Change {
  readonly collection: string;
  readonly id: number;
  readonly document: object | null;
}

const newline = 0x0a;
const checksumLength = 8;

/** Changes that belong together as one line, which is valid as a whole or not at all. */
export function encodeLine(changes: readonly Change[]): Buffer {
  const text = Buffer.from(JSON.stringify(changes.map(({ collection, id, document }) => [collection, id, document])));
  return Buffer.concat([Buffer.from(checksum(text)), Buffer.from(" "), text, Buffer.of(newline)]);
}

/** The changes of a line, which is given without its end; undefined when it was not written whole. */
export function decodeLine(line: Buffer): readonly Change[] | undefined {
  const text = line.subarray(checksumLength + 1);
  if (line.subarray(0, checksumLength).toString("latin1") !== checksum(text)) return undefined;
  const changes: unknown = JSON.parse(text.toString());
  return Array.isArray(changes) ? changes.map(asChange) : undefined;
}

function asChange(value: unknown): Change {
  const [collection, id, document]: readonly unknown[] = Array.isArray(value) ? value : [];
  if (typeof collection === "string" && typeof id === "number" && typeof document === "object")
    return { collection, id, document };
  throw new Error("A line of the journal holds something else than changes");
}

const checksum = (text: Buffer) => crc32(text).toString(16).padStart(checksumLength, "0");

/** Splits what is read into lines; what follows the last end of a line comes as `rest`. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ line: Buffer; isWhole: boolean }> {
  let parts: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield { line: Buffer.concat([...parts, chunk.subarray(start, end)]), isWhole: true };
      parts = [];
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield { line: Buffer.concat(parts), isWhole: false };
}
