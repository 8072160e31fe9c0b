import { text } from "node:stream/consumers";
import type { Clock } from "@kyanite/runtime";
import type { ContainerRuntime } from "./runtime.ts";

/** All that it has not forgotten: of a clock that was set back nobody can tell since when. */
const since = 1;

/**
 * What Docker remembers of a container that has ended: that it has sent it a signal, and that it has died. It says the
 * first before anybody can hear of the end, since it holds the container's lock meanwhile.
 */
export async function pastEvents(
  { api }: ContainerRuntime,
  containerId: string,
  clock: Clock,
): Promise<ReadonlySet<string>> {
  const until = clock.now().getTime() / 1000;
  const said = await api.getEvents({ since, until, filters: { container: [containerId], event: ["kill", "die"] } });
  const lines = (await text(said)).split("\n").filter((line) => line.trim() !== "");
  return new Set(lines.map((line): string => JSON.parse(line).Action));
}
