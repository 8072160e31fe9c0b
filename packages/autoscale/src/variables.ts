/** What the service says of a pool: each has a current value and samples. */
export const sampleVariables = [
  "$ActiveTasks",
  "$RunningTasks",
  "$PendingTasks",
  "$SucceededTasks",
  "$FailedTasks",
  "$TaskSlotsPerNode",
  "$CurrentDedicatedNodes",
  "$CurrentLowPriorityNodes",
  "$UsableNodeCount",
  "$PreemptedNodeCount",
  "$SampleNodeCount",
  "$CPUPercent",
  "$WallClockSeconds",
  "$MemoryBytes",
  "$DiskBytes",
  "$DiskReadBytes",
  "$DiskWriteBytes",
  "$DiskReadOps",
  "$DiskWriteOps",
  "$NetworkInBytes",
  "$NetworkOutBytes",
  // Beyond those of the published language.
  "$ActiveSlots",
  "$RunningSlots",
  "$PendingSlots",
  "$OldestWaitSeconds",
] as const;
export type SampleVariable = (typeof sampleVariables)[number];

/** What a formula sets. */
export const targetVariables = ["$TargetDedicatedNodes", "$TargetLowPriorityNodes"] as const;
export type TargetVariable = (typeof targetVariables)[number];

export const optionVariable = "$NodeDeallocationOption";

const formerNames: ReadonlyMap<string, TargetVariable | SampleVariable> = new Map([
  ["$TargetDedicated", "$TargetDedicatedNodes"],
  ["$TargetLowPriority", "$TargetLowPriorityNodes"],
  ["$CurrentDedicated", "$CurrentDedicatedNodes"],
]);

export const isFormerName = (name: string) => formerNames.has(name);

export function findSampleVariable(name: string): SampleVariable | undefined {
  const fullName = formerNames.get(name) ?? name;
  return sampleVariables.find((variable) => variable === fullName);
}

export function findTargetVariable(name: string): TargetVariable | undefined {
  const fullName = formerNames.get(name) ?? name;
  return targetVariables.find((variable) => variable === fullName);
}

/** The service variable that `name` would be if case did not matter; for hints. */
export function similarVariable(name: string): string | undefined {
  const all = [...sampleVariables, ...targetVariables, optionVariable, ...formerNames.keys()];
  const key = name.replace("$", "").toLowerCase();
  return all.find((each) => each.slice(1).toLowerCase() === key);
}
