import { allOperations, managementOperations, type Operation } from "@kyanite/contract";
import { describe, expect, test } from "vitest";
import { concernsJob, grantsIn, permits, roleOn, roles } from "./caller.ts";

describe("roles", () => {
  const namesWith = (access: string, of: Readonly<Record<string, { readonly access: string }>>) =>
    Object.keys(of).filter((name) => of[name]?.access === access);

  test("each role permits all that the one before it does", () => {
    for (const operation of Object.values({ ...allOperations, ...managementOperations })) {
      const allowed = roles.map((role) => permits(role, operation));
      expect(allowed.toSorted((one, other) => Number(one) - Number(other))).toEqual(allowed);
    }
  });

  test("a reader changes nothing, though it may ask what a formula would do and whether a name is free", () => {
    const changing = Object.entries({ ...allOperations, ...managementOperations })
      .filter(([, { method }]) => method !== "GET" && method !== "HEAD")
      .filter(([, operation]) => permits("reader", operation));
    expect(changing.map(([name]) => name)).toEqual(["Pool_EvaluateAutoScale", "Location_CheckNameAvailability"]);
  });

  test("what only sees something is open to readers, but for who did what and where webhooks go", () => {
    const seeing = Object.entries({ ...allOperations, ...managementOperations }).filter(
      ([, { method }]) => method === "GET" || method === "HEAD",
    );
    const closed = seeing.filter(([, operation]) => !permits("reader", operation));
    expect(closed.map(([name]) => name)).toEqual([
      "Audit_List",
      "Webhook_List",
      "Webhook_Get",
      "Webhook_ListDeadLetters",
    ]);
  });

  test("a submitter changes jobs, job schedules, tasks and their files", () => {
    expect(namesWith("submit", allOperations).sort()).toEqual([
      "File_DeleteFromTask",
      "JobSchedule_Add",
      "JobSchedule_Delete",
      "JobSchedule_Disable",
      "JobSchedule_Enable",
      "JobSchedule_Patch",
      "JobSchedule_Terminate",
      "JobSchedule_Update",
      "Job_Add",
      "Job_Delete",
      "Job_Disable",
      "Job_Enable",
      "Job_Patch",
      "Job_Terminate",
      "Job_Update",
      "Task_Add",
      "Task_AddCollection",
      "Task_Delete",
      "Task_Reactivate",
      "Task_Terminate",
      "Task_Update",
    ]);
    expect(namesWith("submit", managementOperations)).toEqual([]);
  });

  test("an operator changes what the work runs on, and who is told of it", () => {
    expect(namesWith("operate", allOperations).sort()).toEqual([
      "Certificate_Add",
      "Certificate_CancelDeletion",
      "Certificate_Delete",
      "ComputeNode_AddUser",
      "ComputeNode_Deallocate",
      "ComputeNode_DeleteUser",
      "ComputeNode_DisableScheduling",
      "ComputeNode_EnableScheduling",
      "ComputeNode_Preempt",
      "ComputeNode_Reboot",
      "ComputeNode_Reimage",
      "ComputeNode_RerunStartTask",
      "ComputeNode_Start",
      "ComputeNode_UpdateUser",
      "ComputeNode_UploadBatchServiceLogs",
      "File_DeleteFromComputeNode",
      "Pool_Add",
      "Pool_Delete",
      "Pool_DisableAutoScale",
      "Pool_EnableAutoScale",
      "Pool_Patch",
      "Pool_RemoveNodes",
      "Pool_Resize",
      "Pool_RunAutoScale",
      "Pool_StopResize",
      "Pool_UpdateProperties",
      "Webhook_Add",
      "Webhook_Delete",
      "Webhook_Get",
      "Webhook_List",
      "Webhook_ListDeadLetters",
      "Webhook_Patch",
      "Webhook_Redeliver",
      "Webhook_RedeliverAll",
      "Webhook_Test",
    ]);
    expect(namesWith("operate", managementOperations).sort()).toEqual([
      "ApplicationPackage_Activate",
      "ApplicationPackage_Create",
      "ApplicationPackage_Delete",
      "Application_Create",
      "Application_Delete",
      "Application_Update",
      "Certificate_CancelDeletion",
      "Certificate_Create",
      "Certificate_Delete",
      "Certificate_Update",
      "NetworkSecurityPerimeter_ReconcileConfiguration",
      "Pool_Create",
      "Pool_Delete",
      "Pool_DisableAutoScale",
      "Pool_StopResize",
      "Pool_Update",
      "PrivateEndpointConnection_Delete",
      "PrivateEndpointConnection_Update",
    ]);
  });

  test("only an owner changes accounts, and sees their keys and who did what", () => {
    expect(namesWith("own", allOperations)).toEqual(["Audit_List", "Account_SetPrices"]);
    expect(namesWith("own", managementOperations).sort()).toEqual([
      "BatchAccount_Create",
      "BatchAccount_Delete",
      "BatchAccount_GetKeys",
      "BatchAccount_RegenerateKey",
      "BatchAccount_SynchronizeAutoStorageKeys",
      "BatchAccount_Update",
    ]);
  });

  test("a task's token is good for the operations below its job, and for no other job", () => {
    for (const [name, operation] of Object.entries<Operation>(allOperations)) {
      const isBelow = /^(\/kyanite)?\/jobs\/\{jobId\}(\/|$)/.test(operation.path);
      const isNarrowed = operation.withinJob === "byCaller";
      expect([name, concernsJob("Mine", operation, { jobId: "mine" })]).toEqual([name, isBelow || isNarrowed]);
      if (isBelow) expect(concernsJob("mine", operation, { jobId: "theirs" })).toBe(false);
    }
  });
});

describe("grants", () => {
  test("a claim names roles, for one account or for all", () => {
    expect(grantsIn(["Kyanite.Owner", "local:reader", "Unrelated", 7])).toEqual([
      { role: "owner" },
      { role: "reader", accountName: "local" },
    ]);
    expect(grantsIn("submitter")).toEqual([{ role: "submitter" }]);
    expect(grantsIn(undefined)).toEqual([]);
  });

  test("the strongest role on an account counts, and none of another account", () => {
    const grants = [{ role: "reader" as const }, { role: "owner" as const, accountName: "theirs" }];
    expect(roleOn("mine", grants)).toBe("reader");
    expect(roleOn("theirs", grants)).toBe("owner");
    expect(roleOn("mine", grants.slice(1))).toBeUndefined();
  });
});
