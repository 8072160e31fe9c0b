import { BatchError } from "@kyanite/contract";

/** Where a stream has come to: the run, and in each of its files the byte that comes next. */
export interface Position {
  readonly run: number;
  readonly offsets: readonly number[];
}

/** The position of a stream of some files, which is the id of its events. */
export class Positions {
  readonly #offsets: Map<string, number>;
  run: number;

  constructor(files: readonly string[], from: Position | undefined) {
    this.#offsets = new Map(files.map((file, index) => [file, from?.offsets[index] ?? 0]));
    this.run = from?.run ?? 0;
  }

  begin(run: number): void {
    if (run !== this.run) for (const file of this.#offsets.keys()) this.#offsets.set(file, 0);
    this.run = run;
  }

  move(file: string, offset: number): void {
    this.#offsets.set(file, offset);
  }

  get text(): string {
    return `${this.run}.${[...this.#offsets.values()].join("-")}`;
  }
}

/** @throws BatchError InvalidHeaderValue for what is no id of an event of a stream of so many files */
export function readPosition(text: string, files: number): Position {
  const match = /^(\d{1,10})\.(\d{1,15}(?:-\d{1,15})*)$/.exec(text);
  const offsets = (match?.[2] ?? "").split("-").map(Number);
  if (match && offsets.length === files) return { run: Number(match[1]), offsets };
  throw new BatchError("InvalidHeaderValue", {
    HeaderName: "Last-Event-ID",
    HeaderValue: text.slice(0, 100),
    Reason: "Expected the id of an event of a stream of the same files",
  });
}
