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

const Files = Type.String({
  default: "stdout.txt,stderr.txt",
  description: "Paths of 1 to 4 files below a task's directory, separated by commas.",
});

export const logOperations = {
  Task_GetLogs: operation({
    summary: "Streams several files of a task as events, their lines as they come",
    method: "GET",
    path: "/kyanite/jobs/{jobId}/tasks/{taskId}/logs",
    access: "read",
    withinJob: true,
    query: { files: Files, ...followedOverRuns },
    eventStream: "always",
    status: 200,
    shape: "stream",
    errors: ["JobNotFound", "TaskNotFound", "TaskFilesUnavailable", "TaskFilesCleanedup", "FileNotFound", "IOError"],
  }),
  Job_GetLogs: operation({
    summary:
      "Streams what the tasks of a job write as events: those that run as they write, then each as it has completed",
    method: "GET",
    path: "/kyanite/jobs/{jobId}/logs",
    access: "read",
    withinJob: true,
    query: {
      files: Files,
      follow: Type.Boolean({
        default: false,
        description: "Whether the stream goes on until the job has completed, instead of ending with what is there.",
      }),
      failed: Type.Boolean({ default: false, description: "Whether only tasks that have failed are shown." }),
      contains: Type.String({ description: "Text that the lines must have." }),
      taskIdPrefix: Type.String({ description: "What the ids of the tasks must begin with." }),
    },
    eventStream: "always",
    status: 200,
    shape: "stream",
    errors: ["JobNotFound"],
  }),
} as const;
