import Type, { type Static } from "typebox";
import { model, optional, StringEnum, secret, since } from "./schema.ts";

export const ComputeNodeIdentityReference = model(
  "ComputeNodeIdentityReference",
  "A managed identity of the pool, used instead of a key or a signature.",
  { resourceId: optional(Type.String(), "Management-plane id of the identity.") },
);
export type ComputeNodeIdentityReference = Static<typeof ComputeNodeIdentityReference>;

export const ContainerRegistry = model(
  "ContainerRegistry",
  "Where images are pulled from, and with which credential.",
  {
    username: optional(Type.String()),
    password: optional(secret(Type.String())),
    registryServer: optional(Type.String(), "Docker Hub when absent."),
    identityReference: optional(ComputeNodeIdentityReference),
  },
);
export type ContainerRegistry = Static<typeof ContainerRegistry>;

export const ContainerWorkingDirectory = StringEnum(["taskWorkingDirectory", "containerImageDefault"]);
export type ContainerWorkingDirectory = Static<typeof ContainerWorkingDirectory>;

export const ContainerHostDataPath = StringEnum(["Shared", "Startup", "VfsMounts", "Task", "JobPrep", "Applications"]);
export type ContainerHostDataPath = Static<typeof ContainerHostDataPath>;

export const ContainerHostBatchBindMountEntry = model(
  "ContainerHostBatchBindMountEntry",
  "One directory of the node that a task container sees.",
  {
    source: optional(ContainerHostDataPath),
    isReadOnly: optional(Type.Boolean()),
  },
);
export type ContainerHostBatchBindMountEntry = Static<typeof ContainerHostBatchBindMountEntry>;

export const TaskContainerSettings = model("TaskContainerSettings", "The container in which a command runs.", {
  containerRunOptions: optional(Type.String(), "Further arguments for the container's creation."),
  imageName: Type.String({ minLength: 1 }),
  registry: optional(ContainerRegistry),
  workingDirectory: optional(ContainerWorkingDirectory),
  containerHostBatchBindMounts: optional(
    since("2024-07-01.20.0", Type.Array(ContainerHostBatchBindMountEntry)),
    "The whole root directory of the node when absent; nothing when empty.",
  ),
});
export type TaskContainerSettings = Static<typeof TaskContainerSettings>;

export const ContainerType = StringEnum(["dockerCompatible", "criCompatible"], {
  lifespans: { criCompatible: { since: "2023-05-01.17.0" } },
});
export type ContainerType = Static<typeof ContainerType>;

export const ContainerConfiguration = model("ContainerConfiguration", "Makes the nodes of a pool run containers.", {
  type: ContainerType,
  containerImageNames: optional(Type.Array(Type.String()), "Pulled before a node takes tasks."),
  containerRegistries: optional(Type.Array(ContainerRegistry)),
});
export type ContainerConfiguration = Static<typeof ContainerConfiguration>;
