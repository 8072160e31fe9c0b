import { expand } from "../domain/event/expand.ts";
import { documentedTaskEvents, type TaskTurn } from "../domain/event/task-events.ts";
import type { Sql } from "../store/database.ts";
import { type PlacedRows, readAlikeChanges, readRowsOfPoolsAndJobs } from "../store/events.ts";

/** Told of events of an account that Azure Monitor counts, such as `TaskStartEvent`. */
export type CountEvents = (account: string, event: string, count: number) => void;

/** What Azure Monitor counts of jobs, by the kinds of our events; those of pools have its names already. */
const jobEvents: Readonly<Record<string, string>> = {
  "job.created": "JobStartEvent",
  "job.terminating": "JobTerminateStartEvent",
  "job.completed": "JobTerminateCompleteEvent",
  "job.disabling": "JobDisableStartEvent",
  "job.disabled": "JobDisableCompleteEvent",
  "job.deleting": "JobDeleteStartEvent",
  "job.deleted": "JobDeleteCompleteEvent",
};

/** Counts what there is to count in rows of the feed, without making the events of tasks. */
export async function countPlatformEvents(sql: Sql, rows: PlacedRows, count: CountEvents): Promise<void> {
  if (rows.count === 0) return;
  for (const { account, count: changes, ...turn } of await readAlikeChanges(sql, rows))
    for (const event of platformEventsOf(turn)) count(account, event, changes);
  for (const { account, ...row } of await readRowsOfPoolsAndJobs(sql, rows))
    for (const { kind } of expand(row)) {
      const event = kind.endsWith("Event") ? kind : jobEvents[kind];
      if (event !== undefined) count(account, event, 1);
    }
}

/** Beside the documented ones, that somebody has put a task back into the queue. */
function platformEventsOf(turn: TaskTurn): readonly string[] {
  return turn.state === "active" && turn.isRequeue ? ["TaskRequeueEvent"] : documentedTaskEvents(turn);
}
