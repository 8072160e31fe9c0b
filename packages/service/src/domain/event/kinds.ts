import {
  AllocationState,
  ComputeNodeState,
  JobScheduleState,
  JobState,
  PoolState,
  SchedulingState,
  TaskState,
} from "@kyanite/contract";
import { matchesKind } from "./event-filter.ts";

const kindsOf = (name: string, ...words: readonly string[]) => words.map((word) => `${name}.${word}`);

/** Every kind of event that there is, as docs/events.md lists them. */
const eventKinds: readonly string[] = [
  ...kindsOf("task", "created", ...TaskState.enum, "deleted"),
  ...kindsOf("job", "created", ...JobState.enum, "deleted"),
  ...kindsOf("jobschedule", "created", ...JobScheduleState.enum, "deleted"),
  ...kindsOf("pool", "created", ...PoolState.enum, "deleted", "targets", "autoscaled"),
  ...kindsOf("pool.allocation", ...AllocationState.enum),
  ...kindsOf("node", "created", ...ComputeNodeState.enum, "deleted"),
  ...kindsOf("node.scheduling", ...SchedulingState.enum),
  ...kindsOf("application", "created", "changed", "deleted"),
  ...kindsOf("package", "created", "active", "deleted"),
  "PoolCreateEvent",
  "PoolResizeStartEvent",
  "PoolResizeCompleteEvent",
  "PoolDeleteStartEvent",
  "PoolDeleteCompleteEvent",
  "PoolAutoScaleEvent",
  "TaskStartEvent",
  "TaskCompleteEvent",
  "TaskFailEvent",
  "TaskScheduleFailEvent",
];

/** Why there will never be an event of one of these kinds: who has mistyped one would wait for ever. */
export function unknownKind(kinds: readonly string[] = []): string | undefined {
  const unknown = kinds.find((kind) => !eventKinds.some((known) => matchesKind(kind, known)));
  if (unknown === undefined) return undefined;
  const [name = ""] = unknown.toLowerCase().split(".");
  const alike = eventKinds.filter((known) => known.startsWith(`${name}.`));
  const known = alike.length > 0 ? alike : eventKinds.filter((kind) => !kind.includes("."));
  return `There are no events of kind ${unknown}, but of ${known.join(", ")}`;
}
