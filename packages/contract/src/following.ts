import Type from "typebox";
import { operation } from "./operation.ts";
import { addition } from "./schema.ts";

/** Files that are read while they are written: this server's own. */

const Follow = addition(
  Type.Boolean({
    default: false,
    description:
      "Whether what is appended is sent as it is written: until the task's run has ended, or of a file of a node for as long as it is there. A task that has not begun is waited for.",
  }),
);
const Tail = addition(
  Type.Integer({ minimum: 0, description: "Begins so many bytes before the end of what is there, instead of at 0." }),
);
const Retries = addition(
  Type.Boolean({
    default: false,
    description: "Whether `follow` goes on with the next run of a task that is run again.",
  }),
);

export const followed = { follow: Follow, tail: Tail };
export const followedOverRuns = { ...followed, retries: Retries };

export const logOperations = {
  Task_GetLogs: operation({
    summary: "Streams several files of a task as events, their lines as they come",
    method: "GET",
    path: "/kyanite/jobs/{jobId}/tasks/{taskId}/logs",
    access: "read",
    withinJob: true,
    query: {
      files: Type.String({
        default: "stdout.txt,stderr.txt",
        description: "Paths of 1 to 10 files below the task's directory, separated by commas.",
      }),
      ...followedOverRuns,
    },
    eventStream: "always",
    status: 200,
    shape: "stream",
    errors: ["JobNotFound", "TaskNotFound", "TaskFilesUnavailable", "TaskFilesCleanedup", "FileNotFound", "IOError"],
  }),
} as const;
