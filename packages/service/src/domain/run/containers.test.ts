import type { ContainerConfiguration, TaskContainerSettings } from "@kyanite/contract";
import { describe, expect, test } from "vitest";
import { containerFailure, nodeImages, orderedContainer } from "./containers.ts";
import type { TaskRun } from "./run.ts";

const aRun = (
  containerSettings?: TaskContainerSettings,
  containerConfiguration: ContainerConfiguration | null = { type: "dockerCompatible" },
  more: Partial<TaskRun> = {},
): TaskRun => ({
  kind: "task",
  runId: "r",
  accountName: "a",
  poolId: "p",
  nodeId: "n",
  isDedicated: true,
  certificateReferences: null,
  storageAccount: null,
  nodePackages: [],
  packages: null,
  jobPk: 1,
  taskPk: 1,
  jobId: "j",
  jobSpec: { id: "j", poolInfo: { poolId: "p" } },
  taskId: "t",
  taskSpec: { id: "t", commandLine: "x", ...(containerSettings ? { containerSettings } : {}) },
  retryCount: 0,
  containerConfiguration,
  enableInterNodeCommunication: false,
  ...more,
});

describe("tasks and pools that do not go together", () => {
  test("a task with a container on an ordinary pool", () =>
    expect(containerFailure(aRun({ imageName: "busybox" }, null))).toMatchObject({
      category: "UserError",
      code: "ContainerPoolNotSupported",
      details: [{ name: "ContainerImage", value: "busybox" }],
    }));

  test("a task without one on a container pool", () =>
    expect(containerFailure(aRun())).toMatchObject({ code: "ContainerTaskSettingsNotFound" }));

  test("a start task runs on the node itself", () => {
    const { taskSpec: _, ...place } = aRun();
    expect(containerFailure({ ...place, kind: "startTask", startTask: { commandLine: "x" } })).toBeUndefined();
  });

  test("others go together", () => {
    expect(containerFailure(aRun({ imageName: "busybox" }))).toBeUndefined();
    expect(containerFailure(aRun(undefined, null))).toBeUndefined();
  });
});

describe("the container of a run", () => {
  test("has the documented defaults", () =>
    expect(orderedContainer(aRun({ imageName: "busybox" }))).toEqual({
      imageName: "busybox",
      runOptions: "",
      workingDirectory: "taskWorkingDirectory",
      registries: [],
    }));

  test("an empty list of mounts is none, and not all", () => {
    expect(orderedContainer(aRun({ imageName: "b", containerHostBatchBindMounts: [] }))).toMatchObject({ mounts: [] });
    expect(
      orderedContainer(aRun({ imageName: "b", containerHostBatchBindMounts: [{ source: "Task" }] })),
    ).toMatchObject({ mounts: [{ source: "Task", isReadOnly: false }] });
  });

  test("the task's own registry comes before those of the pool", () => {
    const pool: ContainerConfiguration = {
      type: "dockerCompatible",
      containerRegistries: [{ registryServer: "r", username: "u", password: "p" }],
    };
    const registry = { registryServer: "own", username: "v" };
    expect(orderedContainer(aRun({ imageName: "b", registry }, pool))?.registries).toEqual([
      { server: "own", username: "v" },
      { server: "r", username: "u", password: "p" },
    ]);
  });

  test("instances, and tasks of pools whose nodes talk to each other, are on the nodes' network", () => {
    const settings = { imageName: "b" };
    expect(orderedContainer(aRun(settings))).not.toHaveProperty("isOnHostNetwork");
    for (const more of [{ enableInterNodeCommunication: true }, { instance: { id: 0, hosts: [], vmSize: "x" } }])
      expect(orderedContainer(aRun(settings, undefined, more))).toMatchObject({ isOnHostNetwork: true });
  });
});

test("a node of a container pool has its images first", () => {
  expect(nodeImages(undefined)).toBeUndefined();
  expect(nodeImages({ type: "dockerCompatible" })).toEqual({ imageNames: [], registries: [] });
  expect(nodeImages({ type: "criCompatible", containerImageNames: ["a"] })).toEqual({
    imageNames: ["a"],
    registries: [],
  });
});
