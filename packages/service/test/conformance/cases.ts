import type { ErrorCode, OperationName } from "@kyanite/contract";
import { aPool } from "@kyanite/testkit";

/** What the requests of one run need to name; each version has its own resources. */
export interface World {
  readonly suffix: string;
  /** Of the pool with nodes. */
  readonly nodeIds: readonly string[];
  readonly containerUrl: string;
}

export interface Case {
  readonly operation: OperationName;
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  /** What must be reached before. */
  readonly after?: "node idle" | "pool resizing" | "node deallocated" | "tasks completed" | "pool steady";
  /** A case that the service can only refuse, and why; `sometimes` says where it does, when elsewhere it works. */
  readonly refusal?: { readonly code: ErrorCode; readonly reason: string; readonly sometimes?: true };
}

/** An application that the account has; the management plane makes it. */
export const applicationId = "tool";
export const thumbprint = "24b22c8cc7de5b0a0aa01392e48c2818cd8042fe";
/** Self-signed, made for these tests, valid for a hundred years. */
export const cer =
  "MIIBhTCCASugAwIBAgIUJwKr64Gu3dEsPHXzbKwWTSG1zzMwCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMa3lhbml0ZS10ZXN0MCAXDTI2MTEyNDAwMTQzNloYDzIxMjYxMDMxMDAxNDM2WjAXMRUwEwYDVQQDDAxreWFuaXRlLXRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQTd9aM0b9gVoVkXHChwHYK8+X25shqHp/pDSH3Q76uG3NbBFXHLAUpr4ERXChC7HxfiFSLsGaeRaDhumDDvuujo1MwUTAdBgNVHQ4EFgQUYELXKYlGzZWqLpOe7qBo/QWyWBswHwYDVR0jBBgwFoAUYELXKYlGzZWqLpOe7qBo/QWyWBswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAh+z0zEEK7Si368pAtG2qna/CW6CsTVED9ffIeRRkqxwCIE/RosXXY52p1GOYyqXv70NRpuIClK6UebGlokkUEdKX";

const sh = (script: string) => `/bin/sh -c '${script}'`;
const inHour = () => new Date(Date.now() + 3_600_000).toISOString();

/** Every operation once, in an order in which each finds what it needs. */
export function cases({ suffix, nodeIds, containerUrl }: World): Case[] {
  const pool = { poolId: `empty-${suffix}` };
  const nodes = { poolId: `nodes-${suffix}` };
  const [nodeId = "", otherNodeId = ""] = nodeIds;
  const node = { ...nodes, nodeId };
  const job = { jobId: `job-${suffix}` };
  const waiting = { jobId: `waiting-${suffix}` };
  const task = { ...job, taskId: "ok" };
  const schedule = { jobScheduleId: `schedule-${suffix}` };
  const onNode = { ...node, filePath: `workitems/${job.jobId}/job-1/ok/stdout.txt` };
  const certificate = { thumbprintAlgorithm: "sha1", thumbprint };
  const jobSpecification = { poolInfo: pool, priority: 5 };
  const startTask = { commandLine: "true", waitForSuccess: false };
  const metadata = [{ name: "a", value: "b" }];
  const formula = { autoScaleFormula: "$TargetDedicatedNodes=0;" };
  return [
    { operation: "Account_ListSupportedImages", query: { $filter: "osType eq 'linux'", maxresults: 5 } },
    { operation: "Account_ListPoolNodeCounts" },
    { operation: "Application_List" },
    { operation: "Application_Get", params: { applicationId } },

    { operation: "Pool_Add", body: aPool(pool.poolId, { targetDedicatedNodes: 0, metadata, displayName: "name" }) },
    { operation: "Pool_List", query: { $filter: "state eq 'active'", $select: "id,state,allocationState" } },
    { operation: "Pool_Exists", params: pool },
    { operation: "Pool_Get", params: pool },
    { operation: "Pool_Patch", params: pool, body: { startTask, metadata: [] } },

    { operation: "Certificate_Add", body: { ...certificate, data: cer, certificateFormat: "cer" } },
    { operation: "Certificate_List" },
    { operation: "Certificate_Get", params: certificate },
    // A deletion fails while a pool refers to the certificate.
    { operation: "Pool_Patch", params: pool, body: { certificateReferences: [certificate] } },
    { operation: "Certificate_Delete", params: certificate },
    { operation: "Certificate_CancelDeletion", params: certificate },
    {
      operation: "Pool_UpdateProperties",
      params: pool,
      body: { startTask, metadata, applicationPackageReferences: [], certificateReferences: [] },
    },
    { operation: "Certificate_Delete", params: certificate },

    { operation: "Pool_EnableAutoScale", params: pool, body: formula, after: "pool steady" },
    { operation: "Pool_EvaluateAutoScale", params: pool, body: formula },
    { operation: "Pool_DisableAutoScale", params: pool },
    { operation: "Pool_Resize", params: pool, body: { targetDedicatedNodes: 0 }, after: "pool steady" },
    { operation: "Pool_ListUsageMetrics" },
    { operation: "Pool_GetAllLifetimeStatistics" },

    {
      operation: "Job_Add",
      body: { id: job.jobId, poolInfo: nodes, jobPreparationTask: { commandLine: "true" }, metadata },
    },
    { operation: "Task_Add", params: job, body: { id: "ok", commandLine: sh("echo hello; echo data > file") } },
    {
      operation: "Task_AddCollection",
      params: job,
      body: {
        value: [
          { id: "failing", commandLine: sh("exit 3") },
          { id: "second", commandLine: "true" },
        ],
      },
    },
    { operation: "Task_Get", params: task, after: "tasks completed" },
    { operation: "Task_List", params: job, query: { $filter: "state eq 'completed'", maxresults: 2 } },
    { operation: "Task_ListSubtasks", params: task },
    { operation: "File_ListFromTask", params: task, query: { recursive: true } },
    { operation: "File_GetFromTask", params: { ...task, filePath: "stdout.txt" } },
    { operation: "File_GetPropertiesFromTask", params: { ...task, filePath: "stdout.txt" } },
    { operation: "File_DeleteFromTask", params: { ...task, filePath: "wd/file" } },
    { operation: "File_ListFromComputeNode", params: node },
    { operation: "File_GetFromComputeNode", params: onNode },
    { operation: "File_GetPropertiesFromComputeNode", params: onNode },
    { operation: "File_DeleteFromComputeNode", params: onNode },
    { operation: "Job_ListPreparationAndReleaseTaskStatus", params: job },
    { operation: "Job_GetTaskCounts", params: job },
    { operation: "Task_Reactivate", params: { ...job, taskId: "failing" } },
    { operation: "Job_Get", params: job, query: { $select: "id, state, executionInfo" } },
    { operation: "Job_List", query: { $filter: "state eq 'active'" } },

    { operation: "Job_Add", body: { id: waiting.jobId, poolInfo: pool } },
    { operation: "Task_Add", params: waiting, body: { id: "t", commandLine: "true", dependsOn: undefined } },
    {
      operation: "Task_Update",
      params: { ...waiting, taskId: "t" },
      body: { constraints: { maxTaskRetryCount: 2, maxWallClockTime: "PT1H", retentionTime: "PT2H" } },
    },
    { operation: "Task_Terminate", params: { ...waiting, taskId: "t" } },
    { operation: "Task_Delete", params: { ...waiting, taskId: "t" } },
    { operation: "Job_Patch", params: waiting, body: { priority: 3, constraints: { maxTaskRetryCount: 1 } } },
    { operation: "Job_Update", params: waiting, body: { poolInfo: pool, priority: 1 } },
    { operation: "Job_Disable", params: waiting, body: { disableTasks: "requeue" } },
    { operation: "Job_Enable", params: waiting },
    { operation: "Job_Terminate", params: waiting, body: { terminateReason: "enough" } },
    { operation: "Job_Delete", params: waiting },
    { operation: "Job_GetAllLifetimeStatistics" },

    {
      operation: "JobSchedule_Add",
      body: { id: schedule.jobScheduleId, schedule: { recurrenceInterval: "PT1H" }, jobSpecification, metadata },
    },
    { operation: "JobSchedule_Exists", params: schedule },
    { operation: "JobSchedule_Get", params: schedule },
    { operation: "JobSchedule_List", query: { $filter: "state eq 'active'" } },
    { operation: "Job_ListFromJobSchedule", params: schedule },
    { operation: "JobSchedule_Patch", params: schedule, body: { metadata: [] } },
    { operation: "JobSchedule_Update", params: schedule, body: { schedule: {}, jobSpecification } },
    { operation: "JobSchedule_Disable", params: schedule },
    { operation: "JobSchedule_Enable", params: schedule },
    { operation: "JobSchedule_Terminate", params: schedule },
    { operation: "JobSchedule_Delete", params: schedule },

    { operation: "ComputeNode_List", params: nodes, query: { $filter: "state ne 'unusable'" } },
    { operation: "ComputeNode_Get", params: node },
    {
      operation: "ComputeNode_AddUser",
      params: node,
      body: { name: `kyt${suffix}`, password: "Long-Pass-1!", expiryTime: inHour() },
    },
    {
      operation: "ComputeNode_UpdateUser",
      params: { ...node, userName: `kyt${suffix}` },
      body: { password: "Longer-Pass-2!", expiryTime: inHour() },
    },
    { operation: "ComputeNode_DeleteUser", params: { ...node, userName: `kyt${suffix}` } },
    {
      operation: "ComputeNode_GetRemoteLoginSettings",
      params: node,
      refusal: { code: "OperationNotValidOnNode", reason: "no SSH server answers on the machine", sometimes: true },
    },
    {
      operation: "ComputeNode_GetRemoteDesktop",
      params: node,
      refusal: { code: "OperationNotValidOnNode", reason: "nodes run Linux" },
    },
    {
      operation: "ComputeNode_UploadBatchServiceLogs",
      params: node,
      body: { containerUrl, startTime: "2025-01-01T00:00:00Z" },
    },
    { operation: "ComputeNodeExtension_List", params: node },
    {
      operation: "ComputeNodeExtension_Get",
      params: { ...node, extensionName: "none" },
      refusal: { code: "ResourceNotFound", reason: "nodes have no extensions" },
    },
    {
      operation: "ComputeNode_DisableScheduling",
      params: node,
      body: { nodeDisableSchedulingOption: "requeue" },
      after: "node idle",
    },
    { operation: "ComputeNode_EnableScheduling", params: node },
    { operation: "ComputeNode_Reboot", params: node, body: { nodeRebootOption: "requeue" }, after: "node idle" },
    {
      operation: "ComputeNode_Reimage",
      params: node,
      after: "node idle",
      refusal: {
        code: "OperationNotValidOnNode",
        reason: "before 2025-06-01 it is for nodes of cloud services",
        sometimes: true,
      },
    },
    { operation: "ComputeNode_Deallocate", params: node, after: "node idle" },
    { operation: "ComputeNode_Start", params: node, after: "node deallocated" },
    { operation: "Pool_StopResize", params: nodes, after: "pool resizing" },
    { operation: "Pool_RemoveNodes", params: nodes, after: "pool steady", body: { nodeList: [otherNodeId] } },
    { operation: "Pool_Delete", params: pool },
  ];
}
