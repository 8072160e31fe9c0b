import Type, { type Static } from "typebox";
import { TaskContainerSettings } from "./containers.ts";
import { Duration, Int32, model, optional, RetryCount, required, StringEnum, since, until } from "./schema.ts";
import { ResourceFile } from "./staged-files.ts";
import { UserIdentity } from "./users.ts";

export const EnvironmentSetting = model("EnvironmentSetting", "An environment variable of a run.", {
  name: required(Type.String({ minLength: 1, pattern: "^[^=]*$" }), "Without an equals sign."),
  value: optional(Type.String()),
});
export type EnvironmentSetting = Static<typeof EnvironmentSetting>;

export const ApplicationPackageReference = model(
  "ApplicationPackageReference",
  "An application package that a node or a task gets.",
  {
    applicationId: required(Type.String({ minLength: 1 }), "The application's id, or its management-plane id."),
    version: optional(Type.String(), "The application's default version when absent."),
  },
);
export type ApplicationPackageReference = Static<typeof ApplicationPackageReference>;

export const TaskConstraints = model("TaskConstraints", "Limits of a task.", {
  maxWallClockTime: optional(Duration(), "Of one run."),
  retentionTime: optional(Duration(), "How long the task's directory stays on its node after completion."),
  maxTaskRetryCount: optional(RetryCount(), "−1 without limit. The job's when absent."),
});
export type TaskConstraints = Static<typeof TaskConstraints>;

export const AccessScope = StringEnum(["job"]);
export type AccessScope = Static<typeof AccessScope>;

export const AuthenticationTokenSettings = model(
  "AuthenticationTokenSettings",
  "Asks for a token with which the task may call the service.",
  { access: optional(Type.Array(AccessScope)) },
);
export type AuthenticationTokenSettings = Static<typeof AuthenticationTokenSettings>;

/** What every kind of run has: task, start task, job manager, preparation and release. */
export const runSettings = {
  commandLine: required(Type.String(), "Split into arguments without a shell."),
  containerSettings: optional(TaskContainerSettings),
  resourceFiles: optional(Type.Array(ResourceFile)),
  environmentSettings: optional(Type.Array(EnvironmentSetting)),
  userIdentity: optional(UserIdentity, "Automatic account of the pool, without administrator rights, when absent."),
};

export const RequiredSlots = since("2020-09-01.12.0", Int32({ minimum: 1 }));

export const authenticationTokenSettings = {
  authenticationTokenSettings: optional(until("2025-06-01", AuthenticationTokenSettings)),
};
