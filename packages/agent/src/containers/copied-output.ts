import type { Clock, Log } from "@kyanite/runtime";
import type { ContainerInspectInfo } from "dockerode";
import { messageOf } from "../failure.ts";
import { isRunning, type NamedContainer } from "./named-container.ts";
import { fileWriter, type OutputStream, outputTaker } from "./output.ts";
import { lastWritten, type OutputFiles, sizesOf } from "./output-files.ts";
import type { ContainerRuntime } from "./runtime.ts";

/** So much of a container's output the runtime keeps itself, twice, for an agent that was away. */
const keptMegabytes = 8;

/** How the runtime shall keep what a container says: as it is, and not much of it. */
export const boundedLog = ({ kind }: ContainerRuntime) =>
  kind === "podman"
    ? { Type: "k8s-file", Config: { "max-size": `${keptMegabytes}mb` } }
    : { Type: "local", Config: { "max-size": `${keptMegabytes}m`, "max-file": "2", compress: "false" } };

/** How long what a container has said may take to come after its end. */
const lateMilliseconds = 10_000;

const nothing: Readonly<Record<OutputStream, number>> = { stdout: 0, stderr: 0 };

interface Means {
  readonly runId: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Copies what a container says to its files. */
export class CopiedOutput {
  readonly #files: OutputFiles;
  readonly #means: Means;
  #hasTerminal = false;
  #copying: Promise<void> = Promise.resolve();

  constructor(files: OutputFiles, means: Means) {
    this.#files = files;
    this.#means = means;
  }

  /** Copies from the beginning. */
  begin(said: AsyncIterable<unknown>, hasTerminal: boolean): void {
    this.#hasTerminal = hasTerminal;
    this.#copying = this.#copy(said, nothing);
  }

  /** Goes on after what a former agent has copied, or what was copied before the runtime was away. */
  goOn(container: NamedContainer, found: ContainerInspectInfo): void {
    this.#hasTerminal = found.Config.Tty;
    this.#copying = this.#catchUp(container, found);
  }

  /** Until nothing more comes. */
  untilSaid(): Promise<void> {
    return this.#copying;
  }

  /** Of a container that has ended: until all is copied, or for as long as that may take. */
  async untilCopied(): Promise<void> {
    const { runId, clock, log } = this.#means;
    const done = new AbortController();
    const isLate = await Promise.race([
      this.#copying.then(() => false),
      clock.sleep(lateMilliseconds, done.signal).then(() => true),
    ]);
    done.abort();
    if (isLate) log.warn("output not at its end", { runId });
  }

  async #catchUp(named: NamedContainer, found: ContainerInspectInfo): Promise<void> {
    const sizes = sizesOf(this.#files);
    const mayBeCut = sizes.stdout + sizes.stderr > keptMegabytes * 1_000_000;
    const since = mayBeCut ? lastWritten(this.#files) : undefined;
    try {
      const container = await named.handle();
      const options = { stdout: true, stderr: true, ...(since === undefined ? {} : { since }) } as const;
      const said = isRunning(found)
        ? await container.logs({ ...options, follow: true })
        : [await container.logs({ ...options, follow: false })];
      await this.#copy(said, since === undefined ? sizes : nothing);
    } catch (cause) {
      this.#means.log.warn("output not caught up with", { runId: this.#means.runId, reason: messageOf(cause) });
    }
  }

  /** Never fails: what cannot be written, for example because the disk is full, is read all the same. */
  async #copy(
    said: AsyncIterable<unknown> | Iterable<unknown>,
    known: Readonly<Record<OutputStream, number>>,
  ): Promise<void> {
    const { stdout, stderr } = this.#files;
    const write = fileWriter({ stdout: stdout.fd, stderr: stderr.fd }, known);
    const take = outputTaker(write, this.#hasTerminal);
    let isLost = false;
    const lose = (cause: unknown) => {
      const { runId, log } = this.#means;
      if (!isLost) log.warn("output lost", { runId, reason: messageOf(cause) });
      isLost = true;
    };
    try {
      for await (const chunk of said) {
        if (isLost || !Buffer.isBuffer(chunk)) continue;
        try {
          take(chunk);
        } catch (cause) {
          lose(cause);
        }
      }
    } catch (cause) {
      // The runtime has gone; who waits for the end hears of it.
      lose(cause);
    }
  }
}
