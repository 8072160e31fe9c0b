import type { Clock, Log } from "@kyanite/runtime";
import type { ContainerInspectInfo } from "dockerode";
import { messageOf } from "../failure.ts";
import type { CopiedOutput } from "./copied-output.ts";
import { RuntimeLost, runtimeAnswer } from "./failures.ts";
import { isRunning, type NamedContainer } from "./named-container.ts";
import { checkEndMeanwhile, checkOwnEnd } from "./own-end.ts";
import type { ContainerRuntime } from "./runtime.ts";

/** What is known of a container that has ended. */
export interface ContainerEnd {
  /** Undefined of a success, of which the runtime has nothing else to tell. */
  readonly found: ContainerInspectInfo | undefined;
  readonly exitCode: number;
}

export interface WatchedContainer {
  readonly runId: string;
  readonly container: NamedContainer;
  readonly output: CopiedOutput;
  /** Whether we have told it to end. */
  isStopped(): boolean;
}

interface Means {
  readonly runtime: () => Promise<ContainerRuntime>;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long after the last that a container has said its exit code may take. */
const answerMilliseconds = 30_000;

/** Milliseconds between looks at a container that has said all. */
const looks: readonly number[] = [5, 10, 20, 40, 80, 160, 320, 640, 1_280];

/** What the runtime answers who waits for a container's end. */
interface WaitAnswer {
  readonly StatusCode: number;
  readonly Error?: { readonly Message?: string } | null;
}

const isSuccess = ({ StatusCode, Error: error }: WaitAnswer) => StatusCode === 0 && !error?.Message;

/** What a runtime shows of a container may be a little behind what it answers who waits. */
const endOf = (found: ContainerInspectInfo, answer?: WaitAnswer): ContainerEnd => ({
  found,
  exitCode: answer?.StatusCode ?? found.State.ExitCode,
});

/**
 * Waits for the end of a container that runs, through absences of the runtime that the container outlives.
 * @throws RuntimeLost when nobody can say how it has ended
 */
export async function watchedEnd(watched: WatchedContainer, containerId: string, means: Means): Promise<ContainerEnd> {
  const { container, output, isStopped } = watched;
  for (;;) {
    const runtime = await means.runtime();
    // Asked to wait, Podman looks only now and then whether a container has ended; what it says ends at once.
    if (runtime.kind === "podman") {
      await output.untilSaid();
      const ended = await lookOften(container, means.clock);
      if (ended) return endOf(ended);
    }
    const answer = await untilEnd(watched, means);
    if (answer && isSuccess(answer) && !isStopped()) {
      await checkOwnEnd(await means.runtime(), containerId, means.clock);
      await output.untilCopied();
      return { found: undefined, exitCode: answer.StatusCode };
    }
    const found = await inspectSoon(watched, { containerId, wasAway: answer === undefined }, means);
    if (isRunning(found)) {
      await output.untilSaid();
      output.goOn(container, found);
      continue;
    }
    await output.untilCopied();
    return endOf(found, answer);
  }
}

/** Of a container that has ended while no agent was there. */
export async function pastEnd(
  watched: WatchedContainer,
  found: ContainerInspectInfo,
  means: Means,
): Promise<ContainerEnd> {
  await watched.output.untilSaid();
  await checkEndMeanwhile(await means.runtime(), found, means.clock);
  return endOf(found, await untilEnd(watched, means));
}

/**
 * An answer that a runtime has begun, and not ended before it was ended itself, is waited for in vain.
 * @returns what the runtime has answered; undefined when it was away meanwhile
 */
async function untilEnd(
  { runId, container, output }: WatchedContainer,
  { clock, log }: Means,
): Promise<WaitAnswer | undefined> {
  const over = new AbortController();
  const silence = async () => {
    await output.untilSaid();
    await clock.sleep(answerMilliseconds, over.signal);
    return undefined;
  };
  try {
    const handle = await container.handle();
    const waiting: Promise<WaitAnswer> = handle.wait();
    return await Promise.race([waiting, silence()]);
  } catch (cause) {
    if (runtimeAnswer(cause)?.statusCode === 404) throw new RuntimeLost("the container is gone");
    log.warn("container runtime away", { runId, reason: messageOf(cause) });
    return undefined;
  } finally {
    over.abort();
  }
}

/** Who has said all most often ends at once. Undefined when it goes on all the same. */
async function lookOften(container: NamedContainer, clock: Clock): Promise<ContainerInspectInfo | undefined> {
  for (const pause of looks) {
    const found = await container.inspect().catch(() => undefined);
    if (found && hasCode(found)) return found;
    await clock.sleep(pause);
  }
  return undefined;
}

/** Podman says `stopped` as soon as it knows the exit code, and `exited` once its helper has cleared up. */
const hasCode = ({ State }: ContainerInspectInfo) => ["stopped", "exited"].includes(State.Status);

/** Of one that is over, or was taken for that. */
async function inspectSoon(
  { container, isStopped }: WatchedContainer,
  { containerId, wasAway }: { readonly containerId: string; readonly wasAway: boolean },
  means: Means,
): Promise<ContainerInspectInfo> {
  const runtime = await means.runtime();
  const { isOutlived } = runtime;
  const found = wasAway || isOutlived ? await container.find() : await container.inspect().catch(() => undefined);
  if (found === undefined) throw new RuntimeLost("the container runtime has ended");
  if (isOutlived || isRunning(found)) return found;
  if (wasAway) throw new RuntimeLost("the container runtime was restarted");
  if (!isStopped()) await checkOwnEnd(runtime, containerId, means.clock);
  return found;
}
