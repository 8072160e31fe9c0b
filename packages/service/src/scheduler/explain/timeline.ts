import type { ExplainedPhase, RunStep } from "@kyanite/contract";
import type { Task } from "../../domain/task/task.ts";
import { isoTime } from "../../domain/time.ts";
import { explainedSteps, splitOfRun } from "./run-steps.ts";
import { count, period, secondsBetween } from "./words.ts";

/** @param steps of the task's last run, when they are known */
export function taskTimeline(task: Task, steps: readonly RunStep[], now: Date): ExplainedPhase[] {
  return [...waiting(task, now), ...preparing(task, now), ...earlierRuns(task), ...lastRun(task, steps, now)];
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

function lastRun(task: Task, steps: readonly RunStep[], now: Date): ExplainedPhase[] {
  if (!task.startTime || task.state === "active") return [];
  const isGoingOn = task.state === "running";
  const end = isGoingOn ? now : task.endTime;
  if (!end) return [];
  const seconds = secondsBetween(task.startTime, end);
  const text = isGoingOn ? `It runs: ${whole}` : `It ran: ${splitOfRun(steps, seconds) ?? whole}`;
  const told = phase("running", { start: task.startTime, end }, text, isGoingOn);
  return [steps.length > 0 ? { ...told, steps: explainedSteps(steps, seconds) } : told];
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
