import type { OrderedDownload, RunOrder } from "@kyanite/contract";
import { expect, test } from "vitest";
import { instanceOrder } from "./instance-order.ts";

const own: OrderedDownload = { kind: "url", url: "http://a/own", filePath: "own" };
const common: OrderedDownload = { kind: "url", url: "http://a/common", filePath: "common" };

const task: RunOrder = {
  runId: "00000000-0000-0000-0000-000000000000",
  kind: "task",
  directory: "workitems/j/job-1/t",
  keepsDirectory: false,
  commandLine: "mpirun",
  environment: { MINE: "yes" },
  user: { kind: "auto", scope: "pool", elevationLevel: "nonadmin" },
  packages: [],
  downloads: [own],
  uploads: [{ filePattern: "*", containerUrl: "http://a/c", uploadCondition: "taskcompletion" }],
  maxWallClockSeconds: 60,
  retentionSeconds: 3600,
};
const spec = { id: "t", commandLine: "mpirun", multiInstanceSettings: { coordinationCommandLine: "prepare" } };
const orderOf = (id: number) =>
  instanceOrder(task, spec, {
    id,
    hosts: ["10.0.0.4", "10.0.0.5"],
    vmSize: "standard_d4s_v3",
    commonDownloads: [common],
  });

test("the primary gets all of its task, and what every instance gets", () => {
  expect(orderOf(0)).toEqual({
    ...task,
    coordinationCommandLine: "prepare",
    commonDownloads: [common],
    sharedDirectory: "workitems/j/job-1/t/shared",
    environment: {
      MINE: "yes",
      AZ_BATCH_HOST_LIST: "10.0.0.4,10.0.0.5",
      AZ_BATCH_NODE_LIST: "10.0.0.4;10.0.0.5",
      AZ_BATCH_MASTER_NODE: "10.0.0.4:6000",
      AZ_BATCH_IS_CURRENT_NODE_MASTER: "true",
      CCP_NODES: "2 10.0.0.4 4 10.0.0.5 4",
    },
  });
});

test("a subtask has no command, resource files, output files or wall clock of its own", () => {
  const { maxWallClockSeconds: _, ...primary } = orderOf(0);
  expect(orderOf(1)).toEqual({
    ...primary,
    kind: "subtask",
    commandLine: "",
    downloads: [],
    uploads: [],
    environment: { ...primary.environment, AZ_BATCH_IS_CURRENT_NODE_MASTER: "false" },
  });
});
