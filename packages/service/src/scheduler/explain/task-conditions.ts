import type { Remedy, UnsatisfiedDependency } from "@kyanite/contract";
import { unsatisfiable, unsatisfiableText } from "../eligibility.ts";
import { advice, call, type Finding } from "./finding.ts";
import type { Refusal } from "./refusal.ts";
import type { Line, TaskFacts } from "./task-facts.ts";
import { are, count, have, names, phrase, verb } from "./words.ts";

/** Whether all that the task depends on has been satisfied. */
export function dependenciesSatisfied({ task, job, dependencies }: TaskFacts): Finding {
  const code = "dependenciesSatisfied";
  const { taskIds = [], taskIdRanges = [] } = task.spec.dependsOn ?? {};
  const total = taskIds.length + taskIdRanges.reduce((sum, { start, end }) => sum + end - start + 1, 0);
  if (task.waitingFor === 0)
    return {
      code,
      holds: true,
      text: total === 0 ? "It depends on no other task" : `All ${total} that it depends on are done`,
    };
  const named = dependencies.map(({ taskId }) => taskId);
  const hopeless = dependencies.filter(({ reason }) => reason !== "waiting");
  const start = `It waits for ${task.waitingFor} of ${count(total, "task")}: ${names(named, task.waitingFor)}`;
  const [first] = hopeless;
  return {
    code,
    holds: false,
    since: task.stateTransitionTime,
    text: first ? `${start}; ${hopelessText(first)}` : start,
    passes: first === undefined,
    facts: { waitingFor: task.waitingFor, dependencies: total, first: dependencies.slice(0, 10) },
    remedies: first ? hopelessRemedies(first, job.id, task.id) : [],
  };
}

/** The task at the end of the chain is the one to look at. */
const causeOf = ({ taskId, path }: UnsatisfiedDependency) => path?.at(-1) ?? taskId;

function hopelessText(dependency: UnsatisfiedDependency): string {
  const cause = causeOf(dependency);
  switch (dependency.reason) {
    case "blocked":
      return `${cause} has ended without satisfying it, so it waits for ever`;
    case "missing":
      return `the job has no task ${cause} yet, so it waits until there is one`;
    default:
      return `${cause} waits for it in turn, so both wait for ever`;
  }
}

function hopelessRemedies(dependency: UnsatisfiedDependency, jobId: string, taskId: string): Remedy[] {
  const cause = causeOf(dependency);
  switch (dependency.reason) {
    case "blocked":
      return [call(`Run ${cause} again`, "Task_Reactivate", { jobId, taskId: cause }), giveUp(jobId, taskId)];
    case "missing":
      return [call(`Add the task ${cause}`, "Task_Add", { jobId }, { id: cause })];
    default:
      return [giveUp(jobId, taskId)];
  }
}

const giveUp = (jobId: string, taskId: string) => call("End the task", "Task_Terminate", { jobId, taskId });

/** Whether the state of the job lets its tasks run. */
export function jobActive({ job }: Pick<TaskFacts, "job">): Finding {
  const code = "jobActive";
  if (job.state === "active") return { code, holds: true, text: `The job ${job.id} is active` };
  const isHeld = job.state === "disabled" || job.state === "disabling";
  return {
    code,
    holds: false,
    since: job.stateTransitionTime,
    text: `The job ${job.id} is ${job.state}`,
    passes: job.state === "enabling",
    facts: { state: job.state, ...(job.disableTasks ? { disableTasks: job.disableTasks } : {}) },
    remedies: isHeld ? [call("Enable the job", "Job_Enable", { jobId: job.id })] : [],
  };
}

/** Whether the job may have one more task running. */
export function jobBelowLimit({ job, runningTasks }: Pick<TaskFacts, "job" | "runningTasks">): Finding {
  const code = "jobBelowLimit";
  const { maxParallelTasks } = job;
  if (maxParallelTasks <= 0) return { code, holds: true, text: "The job has no limit of tasks at a time" };
  const facts = { runningTasks, maxParallelTasks };
  const text = `${count(runningTasks, "task")} of the job ${verb(runningTasks, "run")}, and it may have ${maxParallelTasks} at a time`;
  if (runningTasks < maxParallelTasks) return { code, holds: true, text, facts };
  const raise = call("Let more of its tasks run", "Job_Patch", { jobId: job.id }, { maxParallelTasks: -1 });
  return { code, holds: false, text, facts, passes: true, remedies: [raise] };
}

/** Whether a node of the pool could run the task, were it empty. */
export function fitsANode({ task, job, pool, placing }: TaskFacts): Finding {
  const code = "fitsANode";
  const never = pool && unsatisfiable(task, { ...pool.pool, largestNode: pool.largestNode });
  if (never)
    return {
      code,
      holds: false,
      since: task.stateTransitionTime,
      text: unsatisfiableText(never),
      facts: never,
      remedies: [
        advice("Add the task again with other requirements, or to a job in another pool"),
        giveUp(job.id, task.id),
      ],
    };
  const refusal = placing?.refusal;
  if (refusal?.kind === "tooLarge")
    return {
      code,
      holds: false,
      text: `It needs ${count(refusal.requiredSlots, "slot")}, and the largest node that takes tasks has ${refusal.largestNode}`,
      facts: refusal,
      passes: true,
    };
  if (refusal?.kind === "notDedicated")
    return {
      code,
      holds: false,
      text: "It may run on dedicated nodes only, and none of the pool takes tasks",
      remedies: resizeTo(pool, (target) => target.dedicated + 1),
    };
  if (refusal?.kind === "tooFewNodes") return { code, holds: false, ...tooFewNodes(refusal, pool) };
  return { code, holds: true, text: fitText(task) };
}

const fitText = ({ requiredSlots, instances }: TaskFacts["task"]) =>
  instances === null
    ? `It needs ${count(requiredSlots, "slot")}, and nodes have as many`
    : `It needs ${count(instances, "node")}, and there are as many`;

function tooFewNodes(
  refusal: Extract<Refusal, { kind: "tooFewNodes" }>,
  pool: TaskFacts["pool"],
): Pick<Finding, "text" | "facts" | "passes" | "remedies"> {
  const { instances, nodes } = refusal;
  const target = (pool?.pool.targetDedicatedNodes ?? 0) + (pool?.pool.targetLowPriorityNodes ?? 0);
  return {
    text: `It needs ${count(instances, "node")} at once, and the pool has ${nodes} for its job`,
    facts: refusal,
    passes: target >= instances,
    remedies: resizeTo(pool, ({ dedicated }) => dedicated + instances - nodes),
  };
}

function resizeTo(pool: TaskFacts["pool"], wanted: (target: { readonly dedicated: number }) => number): Remedy[] {
  if (!pool) return [];
  const { id, enableAutoScale, targetDedicatedNodes } = pool.pool;
  if (enableAutoScale) return [call("Evaluate the formula of the pool now", "Pool_RunAutoScale", { poolId: id })];
  const target = { targetDedicatedNodes: wanted({ dedicated: targetDedicatedNodes }) };
  return [call("Give the pool more nodes", "Pool_Resize", { poolId: id }, target)];
}

/** Whether there is a node on which the job's preparation has not failed. */
export function nodePrepared({ job, placing, preparations }: TaskFacts): Finding {
  const code = "nodePrepared";
  if (!job.spec.jobPreparationTask) return { code, holds: true, text: "The job needs no preparation of nodes" };
  if (placing?.refusal?.kind !== "closed")
    return { code, holds: true, text: "There are nodes on which the job's preparation task has not failed" };
  const failed = preparations.filter(({ state }) => state === "failed");
  const [first] = failed;
  const failure = first?.preparationInfo.failureInfo;
  const why = failure
    ? `: ${phrase(failure.details?.find(({ name }) => name === "Message")?.value ?? failure.message ?? "")}`
    : "";
  return {
    code,
    holds: false,
    text: `The job's preparation task has failed on ${all(placing.refusal.nodes)}${why}`,
    facts: { nodes: placing.refusal.nodes, ...(failure ? { code: failure.code } : {}) },
    remedies: first
      ? [
          call("Reimage a node, on which the preparation task then runs again", "ComputeNode_Reimage", first),
          advice("Mend the command of the preparation task in a new job"),
        ]
      : [],
  };
}

const all = (nodes: number) =>
  nodes === 1 ? "the only node that could run it" : `all ${nodes} nodes that could run it`;

/** Whether the slots that the task needs are free now. */
export function slotsFree({ task, pool, placing }: TaskFacts): Finding {
  const code = "slotsFree";
  const refusal = placing?.refusal;
  if (refusal?.kind !== "noRoom") return { code, holds: true, text: "There is room for it" };
  const line = placing?.line;
  const before = line ? lineText(line) : "";
  const { requiredSlots, largestRoom, wholeNodes } = refusal;
  const room = roomText(task, { largestRoom, wholeNodes });
  return {
    code,
    holds: false,
    since: task.stateTransitionTime,
    text: `${room}${before}`,
    passes: true,
    facts: { requiredSlots, largestRoom, freeNodes: wholeNodes, ...line },
    remedies: resizeTo(pool, ({ dedicated }) => dedicated + 1),
  };
}

function roomText(
  { requiredSlots, instances }: TaskFacts["task"],
  { largestRoom, wholeNodes }: { readonly largestRoom: number; readonly wholeNodes: number },
): string {
  if (instances !== null)
    return `It needs ${count(instances, "free node")} at once, and ${wholeNodes} ${are(wholeNodes)} free`;
  if (largestRoom <= 0) return `Every slot of the pool is taken, and it needs ${requiredSlots}`;
  return `It needs ${count(requiredSlots, "free slot")} on one node, and the one with the most room has ${largestRoom}`;
}

/** Whether nobody else has the turn before the task. */
export function isItsTurn({ job, placing }: TaskFacts): Finding {
  const code = "isItsTurn";
  if (placing?.refusal?.kind !== "behindOthers")
    return { code, holds: true, text: "Nobody else has the turn before it" };
  const { line } = placing;
  return {
    code,
    holds: false,
    text: `There is room, but for others whose turn it is before${lineText(line)}`,
    passes: true,
    facts: { ...line, priority: job.priority },
    remedies: [call("Raise the priority of the job", "Job_Patch", { jobId: job.id }, { priority: job.priority + 1 })],
  };
}

function lineText({ tasksBefore, isMore, urgentJobs, urgentTasks, equalJobs }: Line): string {
  const before = isMore ? `more than ${tasksBefore} tasks` : count(tasksBefore, "task");
  const told = [
    ...(tasksBefore > 0 ? [`${before} of its job ${verb(isMore ? 2 : tasksBefore, "come")} before it`] : []),
    ...(urgentJobs > 0
      ? [`${count(urgentJobs, "job")} of higher priority ${have(urgentJobs)} ${count(urgentTasks, "task")} waiting`]
      : []),
    ...(equalJobs > 0 ? [`it shares the pool with ${count(equalJobs, "job")} of its priority`] : []),
  ];
  return told.length === 0 ? "" : `; ${told.join("; ")}`;
}
