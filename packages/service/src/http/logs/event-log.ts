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
  /** Of one task among others: each event names it, and none is a position. */
  readonly taskId?: string;
  /** Only lines with this text are wanted. */
  readonly contains?: string | undefined;
}

/** A log as server-sent events: one for each line, and for what happens beside. */
export async function* eventLog(pieces: Source, options: EventLogOptions): AsyncGenerator<string> {
  yield ": begin\n\n";
  yield* eventsOf(pieces, options);
}

/** The same as a part of a stream. */
export async function* eventsOf(pieces: Source, options: EventLogOptions): AsyncGenerator<string, void> {
  const writer = new EventWriter(options);
  for await (const piece of withPauses(pieces, options.clock, () => writer.waitsForText)) {
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

  readonly #taskId: string | undefined;
  readonly #contains: string | undefined;

  constructor({ files, from, taskId, contains }: Omit<EventLogOptions, "clock">) {
    this.#taskId = taskId;
    this.#contains = contains;
    this.#positions = new Positions(files, from);
    this.#splitters = new Map(files.map((file) => [file, new LineSplitter()]));
  }

  /** Whether the beginning of a line is held that is to be sent when no more of it comes. */
  get waitsForText(): boolean {
    return this.#contains === undefined && [...this.#splitters.values()].some(({ holdsText }) => holdsText);
  }

  write(piece: LogPiece | Pause): string {
    switch (piece.kind) {
      case "beat":
        return this.#pause() + (this.#taskId === undefined ? ": beat\n\n" : "");
      case "pause":
        return this.#pause();
      case "data": {
        const splitter = this.#splitters.get(piece.stream);
        return this.#lines(piece.stream, splitter?.add(piece.bytes, piece.offset) ?? []);
      }
      case "opened":
        this.#positions.move(piece.stream, piece.offset);
        return "";
      case "run":
        this.#positions.begin(piece.run);
        return this.#event("run", {
          run: piece.run,
          ...(piece.nodeId !== null && { nodeId: piece.nodeId }),
          ...(piece.isKept && { kept: true }),
        });
      case "file":
        return this.#flush(true) + this.#event("file", { run: piece.run, file: piece.stream, reason: piece.fate });
      case "runEnd": {
        const { kind: _, ...told } = piece;
        return this.#flush(true) + this.#event("runEnd", told);
      }
      case "end": {
        const { reason, exitCode, result } = piece;
        const told = { reason, ...(exitCode != null && { exitCode }), ...(result != null && { result }) };
        return this.#flush(true) + this.#event(this.#taskId === undefined ? "end" : "taskEnd", told);
      }
    }
  }

  /** A text that is looked for may be where a line goes on. */
  #pause(): string {
    return this.#contains === undefined ? this.#flush(false) : "";
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
    if (this.#contains !== undefined && !text?.includes(this.#contains)) return "";
    return this.#event("line", {
      run: this.#positions.run,
      file,
      offset,
      ...(text === undefined ? { base64: Buffer.from(bytes).toString("base64") } : { line: text }),
      ...(isPartial && { partial: true }),
    });
  }

  #event(name: string, value: object): string {
    if (this.#taskId === undefined)
      return `event: ${name}\nid: ${this.#positions.text}\ndata: ${JSON.stringify(value)}\n\n`;
    return `event: ${name}\ndata: ${JSON.stringify({ taskId: this.#taskId, ...value })}\n\n`;
  }
}
