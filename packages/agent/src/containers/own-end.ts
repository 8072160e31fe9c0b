import type { Clock } from "@kyanite/runtime";
import type { ContainerInspectInfo } from "dockerode";
import { messageOf } from "../failure.ts";
import { RuntimeLost } from "./failures.ts";
import { pastEvents } from "./past-events.ts";
import type { ContainerRuntime } from "./runtime.ts";

/**
 * A runtime that ends takes its containers with it, some of them as if they had ended by themselves: to be believed
 * it has to be there still, and not to have ended the container itself.
 * @throws RuntimeLost
 */
export async function checkOwnEnd(runtime: ContainerRuntime, containerId: string, clock: Clock): Promise<void> {
  if (runtime.isOutlived) return;
  const events = await eventsOf(runtime, containerId, clock);
  if (events.has("kill")) throw new RuntimeLost("somebody else has ended the container");
}

/**
 * The runtime may have ended while no agent was there. Then it knows nothing of the container's end but an exit code,
 * which most often is not the command's.
 * @throws RuntimeLost
 */
export async function checkEndMeanwhile(
  runtime: ContainerRuntime,
  { Id, State }: ContainerInspectInfo,
  clock: Clock,
): Promise<void> {
  if (runtime.isOutlived) return;
  const events = await eventsOf(runtime, Id, clock);
  if (events.has("kill") || (!events.has("die") && State.ExitCode !== 0))
    throw new RuntimeLost("the container runtime was restarted");
}

const eventsOf = (runtime: ContainerRuntime, containerId: string, clock: Clock) =>
  pastEvents(runtime, containerId, clock).catch((cause: unknown) => {
    throw new RuntimeLost(`the container runtime has ended: ${messageOf(cause)}`);
  });
