import type { ExplainedFailure, RunStep, UnsatisfiedDependency } from "@kyanite/contract";
import type { Job } from "../../domain/job/job.ts";
import type { Preparation } from "../../domain/job/preparation.ts";
import type { Task } from "../../domain/task/task.ts";
import type { PoolFacts } from "./pool-facts.ts";
import type { Refusal } from "./refusal.ts";

/** What is known of a task by its explanation. */
export interface TaskFacts {
  readonly task: Task;
  readonly job: Job;
  /** Tasks of the job that are on nodes. */
  readonly runningTasks: number;
  /** Only of a task that waits for others: what it waits for, those without hope first. */
  readonly dependencies: readonly UnsatisfiedDependency[];
  /** Undefined when the job's pool is not there. */
  readonly pool: PoolFacts | undefined;
  /** What the planner says, of a task that waits for nothing but its place. */
  readonly placing: Placing | undefined;
  /** Of the job, on nodes: those that have failed, and the one where the task is. */
  readonly preparations: readonly Preparation[];
  /** Slots that the task's node has beyond those that are taken; less than none when tasks wait there. */
  readonly nodeFreeSlots: number | undefined;
  /** Of a task that has failed. */
  readonly failure: ExplainedFailure | undefined;
  /** Of the run with which the task has ended, when they are known. */
  readonly steps: readonly RunStep[];
}

/** The planner's answer, and who stands before the task. */
export interface Placing {
  readonly refusal: Refusal | undefined;
  readonly line: Line;
}

/** The tasks that have their turn before another, as far as they were counted. */
export interface Line {
  /** Of the same job, up to a bound. */
  readonly tasksBefore: number;
  readonly isMore: boolean;
  /** Jobs of the pool of higher priority that have tasks waiting, and how many. */
  readonly urgentJobs: number;
  readonly urgentTasks: number;
  /** Other jobs of the same priority that have tasks waiting. */
  readonly equalJobs: number;
}
