import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";

/** Through which an agent and a shell talk. Both ends are held by both, so that what was said outlives either. */
export interface ShellPipes {
  readonly name: string;
  /** For the shell: its standard input and output. */
  openForShell(): readonly [input: number, output: number];
  openForAgent(): { readonly input: Socket; readonly output: Socket };
  remove(): void;
}

const madeAtOnce = 4;
const agentFlags = constants.O_RDWR | constants.O_NONBLOCK;

/**
 * The pipes of a node's shells: named ones, which another agent finds again when this one is killed. Node cannot make
 * them, so a program makes some in advance.
 */
export class PipeDirectory {
  readonly #directory: string;
  /** No name is given twice, also not by another agent: whoever still has an old one would remove the new. */
  readonly #ofThisAgent = randomUUID().slice(0, 8);
  #ready: string[] = [];
  #count = 0;

  /** @param directory where nobody else can put anything */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  take(): ShellPipes {
    const name = this.#ready.pop() ?? this.#makeSome();
    return this.open(name);
  }

  open(name: string): ShellPipes {
    const [input, output] = [this.#place(name, "in"), this.#place(name, "out")];
    return {
      name,
      // Opened to read and write, a pipe never waits for its other end, and is never at its end.
      openForShell: () => [openSync(input, constants.O_RDWR), openSync(output, constants.O_RDWR)],
      openForAgent: () => ({
        input: new Socket({ fd: openSync(input, agentFlags), readable: false, writable: true }),
        output: new Socket({ fd: openSync(output, agentFlags), readable: true, writable: false }),
      }),
      remove: () => {
        for (const place of [input, output]) rmSync(place, { force: true });
      },
    };
  }

  /** Names of the pipes that a former agent has left. */
  left(): readonly string[] {
    return [...new Set(readdirSync(this.#directory).map((file) => file.replace(/\.(in|out)$/, "")))];
  }

  #makeSome(): string {
    const names = Array.from({ length: madeAtOnce }, () => `${this.#ofThisAgent}-${++this.#count}`);
    const places = names.flatMap((name) => [this.#place(name, "in"), this.#place(name, "out")]);
    execFileSync("mkfifo", ["-m", "600", ...places], { stdio: "ignore" });
    const [first = "", ...others] = names;
    this.#ready = others.reverse();
    return first;
  }

  #place(name: string, end: "in" | "out"): string {
    return join(this.#directory, `${name}.${end}`);
  }
}
