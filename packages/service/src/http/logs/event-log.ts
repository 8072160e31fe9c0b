import type { Clock } from "@kyanite/runtime";
import { LineSplitter, type LogLine, textOf } from "./lines.ts";
import type { LogPiece } from "./piece.ts";
import { type Position, Positions } from "./position.ts";

/** How long a line's end is waited for before its beginning is sent. */
const pauseMilliseconds = 100;

type Source = AsyncGenerator<LogPiece, void>;

interface EventLogOptions {
  readonly files: readonly string[];
  /** Where an earlier stream has stopped. */
  readonly from: Position | undefined;
  readonly clock: Clock;
}

/** A log as server-sent events: one for each line, and for what happens beside. */
export async function* eventLog(pieces: Source, { files, from, clock }: EventLogOptions): AsyncGenerator<string> {
  const writer = new EventWriter(files, from);
  yield ": begin\n\n";
  for await (const piece of withPauses(pieces, clock, () => writer.holdsText)) {
    const text = writer.write(piece);
    if (text !== "") yield text;
  }
}

type Pause = { readonly kind: "pause" };

/** The pieces, and that none has come for a while where somebody waits for more of a line. */
async function* withPauses(pieces: Source, clock: Clock, isWaiting: () => boolean): AsyncGenerator<LogPiece | Pause> {
  try {
    for (;;) {
      const next = pieces.next();
      if (isWaiting()) {
        const done = new AbortController();
        const pause = clock.sleep(pauseMilliseconds, done.signal).then(() => undefined);
        const come = await Promise.race([next, pause]);
        done.abort();
        if (come === undefined) yield { kind: "pause" };
      }
      const { done, value } = await next;
      if (done) return;
      yield value;
    }
  } finally {
    await pieces.return();
  }
}

class EventWriter {
  readonly #positions: Positions;
  readonly #splitters: ReadonlyMap<string, LineSplitter>;

  constructor(files: readonly string[], from: Position | undefined) {
    this.#positions = new Positions(files, from);
    this.#splitters = new Map(files.map((file) => [file, new LineSplitter()]));
  }

  get holdsText(): boolean {
    return [...this.#splitters.values()].some(({ holdsText }) => holdsText);
  }

  write(piece: LogPiece | Pause): string {
    switch (piece.kind) {
      case "beat":
        return `${this.#flush(false)}: beat\n\n`;
      case "pause":
        return this.#flush(false);
      case "data": {
        const splitter = this.#splitters.get(piece.stream);
        return this.#lines(piece.stream, splitter?.add(piece.bytes, piece.offset) ?? []);
      }
      case "opened":
        this.#positions.move(piece.stream, piece.offset);
        return "";
      case "run":
        this.#positions.begin(piece.run);
        return this.#event("run", { run: piece.run, ...(piece.nodeId !== null && { nodeId: piece.nodeId }) });
      case "file":
        return this.#flush(true) + this.#event("file", { run: piece.run, file: piece.stream, reason: piece.fate });
      case "runEnd": {
        const { kind: _, ...told } = piece;
        return this.#flush(true) + this.#event("runEnd", told);
      }
      case "end": {
        const { reason, exitCode, result } = piece;
        const told = { reason, ...(exitCode != null && { exitCode }), ...(result != null && { result }) };
        return this.#flush(true) + this.#event("end", told);
      }
    }
  }

  #flush(isEnd: boolean): string {
    return [...this.#splitters].map(([file, splitter]) => this.#lines(file, splitter.flush(isEnd))).join("");
  }

  #lines(file: string, lines: readonly LogLine[]): string {
    return lines.map((line) => this.#line(file, line)).join("");
  }

  #line(file: string, { offset, end, bytes, isPartial }: LogLine): string {
    this.#positions.move(file, end);
    const text = textOf(bytes);
    return this.#event("line", {
      run: this.#positions.run,
      file,
      offset,
      ...(text === undefined ? { base64: Buffer.from(bytes).toString("base64") } : { line: text }),
      ...(isPartial && { partial: true }),
    });
  }

  #event(name: string, value: object): string {
    return `event: ${name}\nid: ${this.#positions.text}\ndata: ${JSON.stringify(value)}\n\n`;
  }
}
