import Type, { type Static } from "typebox";
import { JobSpecification } from "./job-settings.ts";
import { operation } from "./operation.ts";
import { expanded, forced, listedWithStats } from "./queries.ts";
import { DateTime, DisplayName, Duration, Id, Metadata, model, optional, requiredBefore } from "./schema.ts";
import { JobScheduleState } from "./states.ts";
import { JobScheduleStatistics } from "./statistics.ts";

export const Schedule = model(
  "Schedule",
  "When a schedule makes its jobs. Without an interval it makes one job only.",
  {
    doNotRunUntil: optional(DateTime(), "At once when absent."),
    doNotRunAfter: optional(DateTime()),
    startWindow: optional(
      Duration({ minimumDuration: "PT1M" }),
      "How late a job may be made before its occurrence is dropped; without limit when absent.",
    ),
    recurrenceInterval: optional(Duration({ minimumDuration: "PT1M" }), "From one job's start to the next."),
  },
);
export type Schedule = Static<typeof Schedule>;

export const JobScheduleAddParameter = model("JobScheduleAddParameter", "A job schedule to be added.", {
  id: Id,
  displayName: optional(DisplayName),
  schedule: Schedule,
  jobSpecification: JobSpecification,
  metadata: optional(Metadata()),
});
export type JobScheduleAddParameter = Static<typeof JobScheduleAddParameter>;

export const JobSchedulePatchParameter = model(
  "JobSchedulePatchParameter",
  "Properties of a job schedule to be replaced; others stay. Running jobs are not affected.",
  {
    schedule: optional(Schedule),
    jobSpecification: optional(JobSpecification),
    metadata: optional(Metadata()),
  },
);
export type JobSchedulePatchParameter = Static<typeof JobSchedulePatchParameter>;

export const RecentJob = model("RecentJob", "The job that a schedule made last.", {
  id: optional(Type.String()),
  url: optional(Type.String()),
});
export type RecentJob = Static<typeof RecentJob>;

export const JobScheduleExecutionInformation = model("JobScheduleExecutionInformation", "How a schedule went so far.", {
  nextRunTime: optional(DateTime(), "Absent when no further job is due."),
  recentJob: optional(RecentJob),
  endTime: optional(DateTime()),
});
export type JobScheduleExecutionInformation = Static<typeof JobScheduleExecutionInformation>;

export const CloudJobSchedule = model("CloudJobSchedule", "Makes jobs, once or again and again.", {
  id: optional(Type.String()),
  displayName: optional(DisplayName),
  url: optional(Type.String()),
  eTag: optional(Type.String()),
  lastModified: optional(DateTime()),
  creationTime: optional(DateTime()),
  state: optional(JobScheduleState),
  stateTransitionTime: optional(DateTime()),
  previousState: optional(JobScheduleState, "The last settled state; absent in the first."),
  previousStateTransitionTime: optional(DateTime()),
  schedule: optional(Schedule),
  jobSpecification: optional(JobSpecification),
  executionInfo: optional(JobScheduleExecutionInformation),
  metadata: optional(Metadata()),
  stats: optional(JobScheduleStatistics, "Only with `$expand=stats`."),
});
export type CloudJobSchedule = Static<typeof CloudJobSchedule>;

export const JobScheduleUpdateParameter = model(
  "JobScheduleUpdateParameter",
  "Replaces a job schedule; what is missing is removed. Running jobs are not affected.",
  {
    schedule: optional(requiredBefore("2025-06-01", Schedule), "One job at once when absent."),
    jobSpecification: JobSpecification,
    metadata: optional(Metadata()),
  },
  { ignores: Object.keys(CloudJobSchedule.properties) },
);
export type JobScheduleUpdateParameter = Static<typeof JobScheduleUpdateParameter>;

const path = "/jobschedules/{jobScheduleId}";

const ending = ["JobScheduleBeingTerminated", "JobScheduleCompleted", "JobScheduleBeingDeleted"] as const;

export const jobScheduleOperations = {
  JobSchedule_Exists: operation({
    newName: "JobSchedules_JobScheduleExists",
    summary: "Tells whether a job schedule exists",
    method: "HEAD",
    path,
    access: "read",
    conditions: "all",
    status: 200,
    entity: true,
    errors: ["JobScheduleNotFound"],
  }),
  JobSchedule_Delete: operation({
    newName: "JobSchedules_DeleteJobSchedule",
    summary: "Deletes a job schedule with its jobs",
    method: "DELETE",
    path,
    access: "submit",
    query: forced,
    conditions: "all",
    status: 202,
    errors: ["JobScheduleNotFound", "JobScheduleBeingDeleted"],
  }),
  JobSchedule_Get: operation({
    newName: "JobSchedules_GetJobSchedule",
    summary: "Gets a job schedule",
    method: "GET",
    path,
    access: "read",
    query: expanded,
    conditions: "all",
    status: 200,
    response: CloudJobSchedule,
    shape: "element",
    set: "jobschedules",
    entity: true,
    errors: ["JobScheduleNotFound"],
  }),
  JobSchedule_Patch: operation({
    newName: "JobSchedules_UpdateJobSchedule",
    summary: "Replaces the given properties of a job schedule",
    method: "PATCH",
    path,
    access: "submit",
    conditions: "all",
    body: JobSchedulePatchParameter,
    status: 200,
    entity: true,
    dataServiceId: true,
    errors: ["JobScheduleNotFound", ...ending, "EmptyMetadataKey", "AutoScalingFormulaTooLong"],
  }),
  JobSchedule_Update: operation({
    newName: "JobSchedules_ReplaceJobSchedule",
    summary: "Replaces a job schedule",
    method: "PUT",
    path,
    access: "submit",
    conditions: "all",
    body: JobScheduleUpdateParameter,
    status: 200,
    entity: true,
    dataServiceId: true,
    errors: ["JobScheduleNotFound", ...ending, "EmptyMetadataKey", "AutoScalingFormulaTooLong"],
  }),
  JobSchedule_Disable: operation({
    newName: "JobSchedules_DisableJobSchedule",
    summary: "Keeps a schedule from making jobs; a running one goes on",
    method: "POST",
    path: `${path}/disable`,
    access: "submit",
    conditions: "all",
    status: 204,
    entity: true,
    dataServiceId: true,
    errors: ["JobScheduleNotFound", ...ending],
  }),
  JobSchedule_Enable: operation({
    newName: "JobSchedules_EnableJobSchedule",
    summary: "Lets a schedule make jobs again",
    method: "POST",
    path: `${path}/enable`,
    access: "submit",
    conditions: "all",
    status: 204,
    entity: true,
    dataServiceId: true,
    errors: ["JobScheduleNotFound", ...ending],
  }),
  JobSchedule_Terminate: operation({
    newName: "JobSchedules_TerminateJobSchedule",
    summary: "Ends a schedule and its active job",
    method: "POST",
    path: `${path}/terminate`,
    access: "submit",
    query: forced,
    conditions: "all",
    status: 202,
    entity: true,
    dataServiceId: true,
    errors: ["JobScheduleNotFound", ...ending],
  }),
  JobSchedule_Add: operation({
    newName: "JobSchedules_CreateJobSchedule",
    summary: "Adds a job schedule",
    method: "POST",
    path: "/jobschedules",
    access: "submit",
    body: JobScheduleAddParameter,
    status: 201,
    entity: true,
    dataServiceId: true,
    errors: [
      "JobScheduleExists",
      "JobScheduleBeingDeleted",
      "JobWithSameIdExists",
      "ActiveJobAndScheduleQuotaReached",
      "EmptyMetadataKey",
      "AutoScalingFormulaTooLong",
    ],
  }),
  JobSchedule_List: operation({
    newName: "JobSchedules_ListJobSchedules",
    summary: "Lists the job schedules of the account",
    method: "GET",
    path: "/jobschedules",
    access: "read",
    query: listedWithStats,
    status: 200,
    response: CloudJobSchedule,
    shape: "list",
    set: "jobschedules",
    errors: [],
  }),
};
