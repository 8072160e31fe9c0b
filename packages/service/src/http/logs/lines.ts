/** A line of a text, or as much of it as is there. */
export interface LogLine {
  /** Of its first byte in the file. */
  readonly offset: number;
  /** Behind its last one, and behind the line's end. */
  readonly end: number;
  /** Without the character that ends it. */
  readonly bytes: Uint8Array;
  /** More of the same line follows, or nothing: its end was not there. */
  readonly isPartial: boolean;
}

/** A longer line comes in parts. */
const longestLineBytes = 16 * 1024;
const newline = 0x0a;

/** Makes lines of what comes of a file, holding no more than the beginning of one. */
export class LineSplitter {
  #held: Uint8Array = new Uint8Array();
  #offset = 0;

  /** Whether the beginning of a line is held. */
  get holdsText(): boolean {
    return this.#held.length > 0;
  }

  add(bytes: Uint8Array, offset: number): readonly LogLine[] {
    const start = this.holdsText ? this.#offset : offset;
    const text = this.holdsText ? Buffer.concat([this.#held, bytes]) : bytes;
    const lines: LogLine[] = [];
    let from = 0;
    for (let at = text.indexOf(newline); at >= 0; at = text.indexOf(newline, from)) {
      lines.push(...this.#parts(text.subarray(from, at), start + from, true));
      from = at + 1;
    }
    const rest = text.subarray(from);
    const parts = rest.length > longestLineBytes ? this.#parts(rest, start + from, false) : [];
    const sent = parts.at(-1)?.end ?? start + from;
    // A copy, lest the whole of what came stays in memory for the sake of it.
    this.#held = Uint8Array.from(text.subarray(sent - start));
    this.#offset = sent;
    return [...lines, ...parts];
  }

  /** What is held of a line; all of it when no more is to come, and otherwise whole characters only. */
  flush(isEnd: boolean): readonly LogLine[] {
    const length = isEnd ? this.#held.length : wholeCharacters(this.#held);
    if (length === 0) return [];
    const offset = this.#offset;
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    this.#offset += length;
    return [{ offset, end: offset + length, bytes, isPartial: true }];
  }

  /** A line in parts that are not too long. */
  #parts(line: Uint8Array, offset: number, isEnded: boolean): LogLine[] {
    const parts: LogLine[] = [];
    let from = 0;
    while (line.length - from > longestLineBytes) {
      const length = wholeCharacters(line.subarray(from, from + longestLineBytes));
      parts.push({
        offset: offset + from,
        end: offset + from + length,
        bytes: line.subarray(from, from + length),
        isPartial: true,
      });
      from += length;
    }
    if (!isEnded) return parts;
    const last = line.subarray(from);
    return [...parts, { offset: offset + from, end: offset + line.length + 1, bytes: last, isPartial: false }];
  }
}

/** How many of the bytes are no beginning of a character that goes on behind them. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back && bytes.length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of some bytes; undefined when they are no UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
