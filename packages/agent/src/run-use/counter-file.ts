import { closeSync, openSync, readSync, writeSync } from "node:fs";

const room = Buffer.allocUnsafe(4096);

/**
 * A file of the system that counts, read again and again. It stays open, since to open it takes longer than to read
 * it. Where it is not there, or not ours to read, nothing is counted.
 */
export class CounterFile {
  readonly #path: string;
  readonly #flags: "r" | "r+";
  #descriptor: number | undefined;
  #isAbsent = false;

  constructor(path: string, flags: "r" | "r+" = "r") {
    this.#path = path;
    this.#flags = flags;
  }

  /** Nothing when it cannot be read. */
  read(): string {
    return this.#use((descriptor) => room.toString("latin1", 0, readSync(descriptor, room, 0, room.length, 0))) ?? "";
  }

  /** Lets it begin anew; false when it does not. */
  reset(): boolean {
    return this.#use((descriptor) => writeSync(descriptor, "0", 0) > 0) ?? false;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    this.#isAbsent = true;
  }

  #use<Result>(act: (descriptor: number) => Result): Result | undefined {
    if (this.#isAbsent) return undefined;
    try {
      this.#descriptor ??= openSync(this.#path, this.#flags);
      return act(this.#descriptor);
    } catch {
      // Its process or group is gone, or the machine has no such file: both stay so.
      this.close();
      return undefined;
    }
  }
}
