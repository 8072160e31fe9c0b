import { BatchError, invalidProperty, type TaskAddParameter } from "@kyanite/contract";
import type { Job } from "../job/job.ts";
import { checkIdIsFree, defaultUserIdentity } from "../job/job-tasks.ts";
import { checkUserIdentity } from "../pool/user-accounts.ts";
import { checkSupported } from "../unsupported.ts";
import { checkOutputFiles, checkResourceFiles } from "./resource-files.ts";
import type { TaskSpec } from "./task.ts";
import { taskConstraints } from "./task-constraints.ts";

/** A task about to be inserted: its body with defaults, and what follows from it. */
export interface NewTask {
  readonly id: string;
  readonly key: string;
  /** The id as an integer, when it is one: ranges of dependencies match it. */
  readonly number: number | null;
  readonly requiredSlots: number;
  /** How many nodes a multi-instance task needs at once; null for any other. */
  readonly instances: number | null;
  readonly queueRank: number;
  readonly parentKeys: readonly string[];
  readonly parentRanges: readonly { readonly start: number; readonly end: number }[];
  readonly spec: TaskSpec;
}

const maxDependencyIdCharacters = 64_000;
/** Integers that all ranges of a task may cover together; the service's own limit is not documented. */
const maxDependencyRangeIds = 1_000_000;

/**
 * Applies the rules that need more than one property or the job, and fills in the defaults that clients see.
 * @throws BatchError with the property and the rule it breaks
 */
export function newTask(body: TaskAddParameter, job: Job): NewTask {
  const spec = withDefaults(body, job);
  checkIdIsFree(spec.id, job.spec);
  checkCommandLine(spec);
  checkUserIdentity(spec.userIdentity, "userIdentity");
  checkResourceFiles(spec.resourceFiles, "resourceFiles");
  checkOutputFiles(spec.outputFiles, "outputFiles");
  checkMultiInstance(spec);
  checkExitConditions(spec, job);
  const parents = dependenciesOf(spec, job);
  checkSupported("task", spec);
  return {
    id: spec.id,
    key: spec.id.toLowerCase(),
    number: asInteger(spec.id),
    requiredSlots: spec.requiredSlots ?? 1,
    instances: spec.multiInstanceSettings?.numberOfInstances ?? null,
    queueRank: 0,
    ...parents,
    spec,
  };
}

function withDefaults(body: TaskAddParameter, job: Job): TaskSpec {
  return {
    ...body,
    ...(body.multiInstanceSettings
      ? { multiInstanceSettings: { ...body.multiInstanceSettings, numberOfInstances: instancesOf(body) } }
      : {}),
    requiredSlots: body.requiredSlots ?? 1,
    userIdentity: body.userIdentity ?? defaultUserIdentity,
    constraints: taskConstraints({
      maxTaskRetryCount: job.spec.constraints?.maxTaskRetryCount ?? 0,
      ...body.constraints,
    }),
  };
}

function instancesOf({ multiInstanceSettings }: TaskAddParameter): number {
  return multiInstanceSettings?.numberOfInstances ?? 1;
}

function checkMultiInstance({ multiInstanceSettings: settings, requiredSlots }: TaskSpec): void {
  if (!settings) return;
  if (requiredSlots !== 1)
    throw invalidProperty("requiredSlots", requiredSlots, "A multi-instance task takes whole nodes: one slot at most");
  if (settings.coordinationCommandLine.trim() === "")
    throw invalidProperty(
      "multiInstanceSettings.coordinationCommandLine",
      settings.coordinationCommandLine,
      "A multi-instance task needs a coordination command line",
    );
  checkResourceFiles(settings.commonResourceFiles, "multiInstanceSettings.commonResourceFiles");
}

function checkCommandLine({ commandLine, containerSettings }: TaskSpec): void {
  if (commandLine.trim() === "" && !containerSettings)
    throw invalidProperty("commandLine", commandLine, "The command line may be empty only for a container task");
}

function checkExitConditions({ exitConditions, dependsOn }: TaskSpec, job: Job): void {
  if (!exitConditions) return;
  const options = [
    ...(exitConditions.exitCodes ?? []).map((entry) => entry.exitOptions),
    ...(exitConditions.exitCodeRanges ?? []).map((entry) => entry.exitOptions),
    exitConditions.preProcessingError,
    exitConditions.fileUploadError,
    exitConditions.default,
  ];
  if (job.onTaskFailure === "noaction" && options.some((option) => option?.jobAction !== undefined))
    throw invalidProperty(
      "exitConditions",
      exitConditions,
      "A jobAction needs a job with onTaskFailure performexitoptionsjobaction",
    );
  if (!job.usesTaskDependencies && options.some((option) => option?.dependencyAction !== undefined) && !dependsOn)
    throw invalidProperty("exitConditions", exitConditions, "A dependencyAction needs a job with usesTaskDependencies");
  for (const { start, end } of exitConditions.exitCodeRanges ?? [])
    if (start > end)
      throw invalidProperty(
        "exitConditions.exitCodeRanges",
        { start, end },
        "The start of a range may not be above its end",
      );
}

function dependenciesOf({ dependsOn }: TaskSpec, job: Job): Pick<NewTask, "parentKeys" | "parentRanges"> {
  const taskIds = dependsOn?.taskIds ?? [];
  const ranges = dependsOn?.taskIdRanges ?? [];
  if (dependsOn && !job.usesTaskDependencies)
    throw new BatchError("UnsupportedProperty", {
      PropertyName: "dependsOn",
      Reason: "The job does not use task dependencies; set usesTaskDependencies when it is added",
    });
  if (taskIds.reduce((total, id) => total + id.length, 0) > maxDependencyIdCharacters)
    throw new BatchError("TaskDependencyListTooLong");
  for (const { start, end } of ranges)
    if (start > end)
      throw invalidProperty("dependsOn.taskIdRanges", { start, end }, "The start of a range may not be above its end");
  const merged = mergeRanges(ranges);
  if (merged.reduce((total, { start, end }) => total + end - start + 1, 0) > maxDependencyRangeIds)
    throw new BatchError("TaskDependencyRangesTooLong");
  return { parentKeys: [...new Set(taskIds.map((id) => id.toLowerCase()))], parentRanges: merged };
}

/** Ranges without overlap, so that each integer is waited for once. */
function mergeRanges(ranges: readonly { start: number; end: number }[]): { start: number; end: number }[] {
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((one, other) => one.start - other.start)) {
    const last = merged.at(-1);
    if (last && start <= last.end + 1) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

function asInteger(id: string): number | null {
  if (!/^-?\d{1,15}$/.test(id)) return null;
  return Number(id);
}
