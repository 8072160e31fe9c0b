import { BatchError, type KeptFileInformation, type RunStep, type TaskRun, type TaskRunStep } from "@kyanite/contract";
import { isLastRun, mostPastRuns, type PastFile, type PastRun } from "../../domain/run/past-run.ts";
import type { Task } from "../../domain/task/task.ts";
import { isoTime } from "../../domain/time.ts";
import { readExistingTask } from "../../lifecycle/existing.ts";
import { readKeptFile } from "../../lifecycle/kept-files.ts";
import { readPastRuns } from "../../store/past-runs.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { readTaskFile } from "./files.ts";
import { keptReply } from "./kept-files.ts";

export const pastRunHandlers = (context: HandlerContext) => {
  const { database, storage } = context;
  return {
    TaskRun_List: async ({ account, params, list, baseUrl }) => {
      const { job, task } = await readExistingTask(database, account, params);
      const past = await readPastRuns(database, task, mostPastRuns);
      const url = `${baseUrl}/kyanite/jobs/${job.id}/tasks/${task.id}/runs`;
      const all = [...presentRun(task, past), ...past.map((run) => pastRun(run, url))];
      const first = Number(list.after ?? 0);
      const items = all.slice(first, first + list.limit);
      const next = first + items.length;
      return { body: { items, ...(next < all.length ? { next: String(next) } : {}) } };
    },

    TaskRun_GetFile: async (call) => {
      const { account, params } = call;
      const { task } = await readExistingTask(database, account, params);
      if (task.runId === params.runId) return readTaskFile(context, call);
      const run = (await readPastRuns(database, task, mostPastRuns)).find(({ runId }) => runId === params.runId);
      if (!run) throw new BatchError("FileNotFound", { Reason: "The task has had no such run, or it is forgotten" });
      const kept = await readKeptFile({ database, storage }, run, params.filePath);
      if (!kept) throw new BatchError("FileNotFound", { Reason: "The file of this run is not kept" });
      return keptReply(kept, call);
    },
  } satisfies OperationHandlers;
};

/** The run that the task has now, or its last one when only its success is known. */
function presentRun(task: Task, past: readonly PastRun[]): readonly TaskRun[] {
  const { runId, startTime, endTime, exitCode, nodeInfo } = task;
  const place = { ...(nodeInfo ?? {}), ...(startTime ? { startTime: isoTime(startTime) } : {}) };
  if (runId !== null) return [{ id: runId, ...place }];
  const [latest] = past;
  const isKnown = latest !== undefined && isLastRun(latest, task);
  if (task.state !== "completed" || task.result !== "success" || isKnown || endTime === null) return [];
  return [{ outcome: "success", ...place, endTime: isoTime(endTime), ...(exitCode === null ? {} : { exitCode }) }];
}

function pastRun(run: PastRun, url: string): TaskRun {
  return {
    id: run.runId,
    outcome: run.outcome,
    ...(run.nodeInfo ?? {}),
    ...(run.startTime ? { startTime: isoTime(run.startTime) } : {}),
    endTime: isoTime(run.endTime),
    ...(run.exitCode === null ? {} : { exitCode: run.exitCode }),
    ...(run.failureInfo ? { failureInfo: run.failureInfo } : {}),
    ...(run.steps.length > 0 ? { steps: run.steps.map(runStep) } : {}),
    keptFiles: run.files.map((file) => keptFile(file, `${url}/${run.runId}`)),
  };
}

function runStep({ name, startTime, endTime, bytes }: RunStep): TaskRunStep {
  const times = { startTime: isoTime(new Date(startTime)), endTime: isoTime(new Date(endTime)) };
  return { name, ...times, ...(bytes === undefined ? {} : { bytes: String(bytes) }) };
}

function keptFile(file: PastFile, url: string): KeptFileInformation {
  return {
    name: file.path,
    contentLength: String(file.sizeBytes),
    ...(file.missingBytes > 0 ? { missingLength: String(file.missingBytes) } : {}),
    lastModified: isoTime(new Date(file.lastModified)),
    url: `${url}/files/${file.path.split("/").map(encodeURIComponent).join("/")}`,
  };
}
