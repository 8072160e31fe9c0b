import type { SubtaskInformation } from "@kyanite/contract";
import { taskDirectory } from "../../domain/run/directories.ts";
import type { Subtask } from "../../domain/task/subtask.ts";
import { isoTime } from "../../domain/time.ts";
import { readExistingTask } from "../../lifecycle/existing.ts";
import { readSubtasks } from "../../store/subtasks.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { taskNodeInfo } from "./tasks.ts";

export const subtaskHandlers = ({ database }: HandlerContext) =>
  ({
    Task_ListSubtasks: async ({ account, params, baseUrl }) => {
      const { job, task } = await readExistingTask(database, account, params);
      const subtasks = task.instances === null ? [] : await readSubtasks(database, [task.pk]);
      const directory = taskDirectory(job.id, task.id);
      return {
        body: {
          items: subtasks.filter(({ id }) => id > 0).map((subtask) => subtaskInformation(subtask, directory, baseUrl)),
        },
      };
    },
  }) satisfies OperationHandlers;

function subtaskInformation(subtask: Subtask, directory: string, baseUrl: string): SubtaskInformation {
  const { id, startTime, endTime, exitCode, failureInfo, containerInfo, result, state, previousState } = subtask;
  return {
    id,
    nodeInfo: taskNodeInfo(subtask.nodeInfo, directory, baseUrl),
    ...(startTime ? { startTime: isoTime(startTime) } : {}),
    ...(endTime ? { endTime: isoTime(endTime) } : {}),
    ...(exitCode === null ? {} : { exitCode }),
    ...(containerInfo ? { containerInfo } : {}),
    ...(failureInfo ? { failureInfo } : {}),
    ...(result ? { result } : {}),
    state,
    stateTransitionTime: isoTime(subtask.stateTransitionTime),
    ...(previousState ? { previousState } : {}),
    ...(subtask.previousStateTransitionTime
      ? { previousStateTransitionTime: isoTime(subtask.previousStateTransitionTime) }
      : {}),
  };
}
