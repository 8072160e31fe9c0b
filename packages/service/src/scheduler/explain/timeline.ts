import type { ExplainedPhase } from "@kyanite/contract";
import type { Task } from "../../domain/task/task.ts";
import { isoTime } from "../../domain/time.ts";
import { count, period, secondsBetween } from "./words.ts";

/** Where a task's time went. What its node did in a run is not told apart. */
export function taskTimeline(task: Task, now: Date): ExplainedPhase[] {
  return [...waiting(task, now), ...preparing(task, now), ...earlierRuns(task), ...lastRun(task, now)];
}

/** From its creation until its first run began, or for want of that until it ended. */
function waiting(task: Task, now: Date): ExplainedPhase[] {
  const isGoingOn = task.state === "active";
  const end = task.firstStartTime ?? task.startTime ?? (isGoingOn ? now : task.endTime);
  if (task.state === "preparing" && task.firstStartTime === null)
    return [phase("waiting", { start: task.creationTime, end: task.stateTransitionTime }, "It waited for a node")];
  if (!end) return [];
  const isFirstWait = isGoingOn && task.firstStartTime === null;
  const text = isFirstWait ? "It waits for its first run" : "It waited for its first run";
  const first = phase("waiting", { start: task.creationTime, end }, text, isFirstWait);
  if (!isGoingOn || isFirstWait) return [first];
  return [
    first,
    phase("waitingAgain", { start: task.stateTransitionTime, end: now }, "It waits for another run", true),
  ];
}

function preparing(task: Task, now: Date): ExplainedPhase[] {
  if (task.state !== "preparing") return [];
  const text = "Its node is being prepared for the job";
  return [phase("preparing", { start: task.stateTransitionTime, end: now }, text, true)];
}

/** Runs that were tried again, or cut short. */
function earlierRuns(task: Task): ExplainedPhase[] {
  const last = task.startTime && task.endTime ? secondsBetween(task.startTime, task.endTime) : 0;
  const seconds = task.wallClockSeconds - last;
  const runs = task.retryCount + task.requeueCount + task.internalRetryCount;
  if (runs === 0 || seconds < 0.001) return [];
  const text = `Earlier runs took ${period(seconds)}: ${count(task.retryCount, "retry", "retries")}, returned to the queue ${count(task.requeueCount + task.internalRetryCount, "time")}`;
  return [{ phase: "earlierRuns", seconds: rounded(seconds), isGoingOn: false, text }];
}

const whole = "directory, packages, resource files, command and output files together";

function lastRun(task: Task, now: Date): ExplainedPhase[] {
  if (!task.startTime || task.state === "active") return [];
  const isGoingOn = task.state === "running";
  const end = isGoingOn ? now : task.endTime;
  if (!end) return [];
  return [phase("running", { start: task.startTime, end }, `${isGoingOn ? "It runs" : "It ran"}: ${whole}`, isGoingOn)];
}

function phase(
  name: string,
  { start, end }: { readonly start: Date; readonly end: Date },
  text: string,
  isGoingOn = false,
): ExplainedPhase {
  const seconds = secondsBetween(start, end);
  return {
    phase: name,
    startTime: isoTime(start),
    seconds: rounded(seconds),
    isGoingOn,
    text: text.includes(":") ? text.replace(":", ` for ${period(seconds)}:`) : `${text} for ${period(seconds)}`,
  };
}

const rounded = (seconds: number) => Math.round(seconds * 1000) / 1000;
