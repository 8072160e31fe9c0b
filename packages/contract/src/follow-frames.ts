/**
 * How an agent sends a file that grows: its answer's body is frames, each with a byte that says which kind it is, four
 * bytes with the length of what follows, most significant first, and that. Agents load this without the schema library.
 */
export type FollowFrame =
  /** Nothing new; sent now and then, so that silence means that somebody is gone. */
  | { readonly kind: "beat" }
  /** The file is open, and the next byte that comes is this one. */
  | { readonly kind: "opened"; readonly offset: number }
  /** The next bytes. A reader gets a frame in as many pieces as it came in. */
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "ended"; readonly how: FollowEnd };

const ends = [
  /** All that was there is sent, and no more was wanted. */
  "sent",
  /** The run has ended, and all is sent. */
  "runEnded",
  /** The file is shorter than what has been sent of it. */
  "fileTruncated",
  /** Another file, or something else, has its name now. All of the one that was open is sent. */
  "fileReplaced",
  /** The file has no name any more. All of it is sent. */
  "fileDeleted",
  /** What has the name is no file of the node that could be read. */
  "fileUnreadable",
  /** The agent is ending. */
  "nodeLeaving",
] as const;
export type FollowEnd = (typeof ends)[number];

const codes = { beat: 0, opened: 1, data: 2, ended: 3 } as const;
const kinds = ["beat", "opened", "data", "ended"] as const;
const headBytes = 5;
/** Nobody has to hold more than this. */
export const largestDataBytes = 1024 * 1024;
const largestTextBytes = 1024;

export function writeFrame(frame: FollowFrame): Uint8Array {
  switch (frame.kind) {
    case "beat":
      return framed("beat", new Uint8Array());
    case "opened":
      return framed("opened", textBytes(String(frame.offset)));
    case "data":
      return framed("data", frame.bytes);
    case "ended":
      return framed("ended", textBytes(frame.how));
  }
}

const textBytes = (text: string) => new TextEncoder().encode(text);

function framed(kind: FollowFrame["kind"], content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headBytes + content.length);
  bytes[0] = codes[kind];
  new DataView(bytes.buffer).setUint32(1, content.length);
  bytes.set(content, headBytes);
  return bytes;
}

/** A frame that is being read. */
interface Begun {
  readonly kind: FollowFrame["kind"];
  readonly length: number;
}

/** Reads frames from pieces of any length, holding no more than the beginning of one. */
export class FrameReader {
  #held: Uint8Array = new Uint8Array();
  #begun: Begun | undefined;
  /** Of the data that is being read. */
  #left = 0;

  /** @throws when these are no frames */
  *read(piece: Uint8Array): Generator<FollowFrame> {
    let rest = piece;
    while (rest.length > 0 || this.#begun?.length === 0) {
      if (this.#left > 0) {
        const bytes = rest.subarray(0, this.#left);
        this.#left -= bytes.length;
        rest = rest.subarray(bytes.length);
        yield { kind: "data", bytes };
        continue;
      }
      const needed = this.#begun?.length ?? headBytes;
      const taken = rest.subarray(0, needed - this.#held.length);
      rest = rest.subarray(taken.length);
      this.#held = joined(this.#held, taken);
      if (this.#held.length < needed) return;
      const frame = this.#finish(this.#held);
      this.#held = new Uint8Array();
      if (frame) yield frame;
    }
  }

  /** What the bytes that were waited for say: a frame's head, or the rest of it. */
  #finish(bytes: Uint8Array): FollowFrame | undefined {
    const begun = this.#begun;
    if (begun) {
      this.#begun = undefined;
      return contentOf(begun.kind, bytes);
    }
    const { kind, length } = headOf(bytes);
    if (kind === "data") this.#left = length;
    else this.#begun = { kind, length };
    return undefined;
  }
}

function headOf(bytes: Uint8Array): Begun {
  const kind = kinds[bytes[0] ?? kinds.length];
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  const most = kind === "data" ? largestDataBytes : largestTextBytes;
  if (kind === undefined || length > most) throw new Error("the answer is not made of frames");
  return { kind, length };
}

function contentOf(kind: FollowFrame["kind"], bytes: Uint8Array): FollowFrame {
  if (kind === "beat" || kind === "data") return { kind: "beat" };
  const text = new TextDecoder().decode(bytes);
  const how = ends.find((each) => each === text);
  const offset = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  if (kind === "opened" && offset !== undefined) return { kind, offset };
  if (kind === "ended" && how !== undefined) return { kind, how };
  throw new Error("a frame is not understood");
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
