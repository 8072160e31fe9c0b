import { expect, test } from "vitest";
import { jobActions, jobScheduleActions, nodeActions, poolVerdict, taskActions, type Verdict } from "./actions.ts";
import { errorsOf } from "./operation.ts";
import { operations } from "./operations.ts";

const steadyPool = { state: "active", allocationState: "steady", enableAutoScale: false } as const;

test("a pool is resized only when it is steady and does not scale by itself", () => {
  expect(poolVerdict("resize", steadyPool)).toBe("allowed");
  expect(poolVerdict("resize", { ...steadyPool, allocationState: "stopping" })).toBe("PoolBeingResized");
  expect(poolVerdict("resize", { ...steadyPool, enableAutoScale: true })).toBe("OperationInvalidForCurrentState");
  expect(poolVerdict("resize", { ...steadyPool, state: "deleting" })).toBe("PoolBeingDeleted");
});

test("autoscale is turned on only on a steady pool, but changed on any", () => {
  const resizing = { ...steadyPool, allocationState: "resizing" } as const;
  expect(poolVerdict("enableAutoScale", resizing)).toBe("PoolBeingResized");
  expect(poolVerdict("changeAutoScale", { ...resizing, enableAutoScale: true })).toBe("allowed");
});

test("only a running resize can be stopped", () => {
  expect(poolVerdict("stopResize", { ...steadyPool, allocationState: "resizing" })).toBe("allowed");
  expect(poolVerdict("stopResize", steadyPool)).toBe("OperationInvalidForCurrentState");
});

test("every error of a table is declared by its operation", () => {
  const undeclared = [
    ...missing(jobActions.disable, "Job_Disable"),
    ...missing(jobActions.enable, "Job_Enable"),
    ...missing(jobActions.terminate, "Job_Terminate"),
    ...missing(jobActions.update, "Job_Update"),
    ...missing(jobActions.update, "Job_Patch"),
    ...missing(jobActions.delete, "Job_Delete"),
    ...missing(jobActions.addTask, "Task_Add"),
    ...missing(jobActions.addTask, "Task_AddCollection"),
    ...missing(jobActions.reactivateTask, "Task_Reactivate"),
    ...missing(jobActions.updateTask, "Task_Update"),
    ...missing(jobActions.terminateTask, "Task_Terminate"),
    ...missing(jobActions.deleteTask, "Task_Delete"),
    ...missing(jobScheduleActions.update, "JobSchedule_Patch"),
    ...missing(jobScheduleActions.enable, "JobSchedule_Enable"),
    ...missing(jobScheduleActions.terminate, "JobSchedule_Terminate"),
    ...missing(jobScheduleActions.delete, "JobSchedule_Delete"),
    ...missing(taskActions.update, "Task_Update"),
    ...missing(taskActions.terminate, "Task_Terminate"),
    ...missing(taskActions.reactivate, "Task_Reactivate"),
    ...missing(nodeActions.reboot, "ComputeNode_Reboot"),
    ...missing(nodeActions.start, "ComputeNode_Start"),
    ...missing(nodeActions.deallocate, "ComputeNode_Deallocate"),
    ...missing(nodeActions.disableScheduling, "ComputeNode_DisableScheduling"),
    ...missing(nodeActions.changeUsers, "ComputeNode_AddUser"),
  ];
  expect(undeclared).toEqual([]);
});

function missing(row: Readonly<Record<string, Verdict>>, name: keyof typeof operations): readonly string[] {
  const declared: readonly string[] = errorsOf(operations[name]);
  return Object.values(row)
    .filter((verdict) => verdict !== "allowed" && !declared.includes(verdict))
    .map((verdict) => `${name}: ${verdict}`);
}
