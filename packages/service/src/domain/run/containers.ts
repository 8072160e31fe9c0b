import type {
  ContainerConfiguration,
  ContainerRegistry,
  Failure,
  NodeImages,
  OrderedContainer,
  OrderedRegistry,
  TaskContainerSettings,
} from "@kyanite/contract";
import type { Run } from "./run.ts";

/**
 * Why a run cannot be in a container, or must be. What a task asks for is not looked at when it is added, but when it
 * runs.
 */
export function containerFailure(run: Run): Failure | undefined {
  const settings = settingsOf(run);
  const isOfContainers = run.containerConfiguration !== null;
  if (settings && !isOfContainers)
    return failure("ContainerPoolNotSupported", "The pool does not support containers", settings.imageName);
  if (run.kind === "task" && !settings && isOfContainers)
    return failure(
      "ContainerTaskSettingsNotFound",
      "Container-enabled compute node requires task container settings",
      undefined,
    );
  return undefined;
}

const failure = (code: string, message: string, image: string | undefined): Failure => ({
  category: "UserError",
  code,
  message,
  details: image === undefined ? [] : [{ name: "ContainerImage", value: image }],
});

function settingsOf(run: Run): TaskContainerSettings | undefined {
  switch (run.kind) {
    case "task":
      return run.taskSpec.containerSettings;
    case "startTask":
      return run.startTask.containerSettings;
    case "jobPreparation":
      return run.jobSpec.jobPreparationTask?.containerSettings;
    case "jobRelease":
      return run.jobSpec.jobReleaseTask?.containerSettings;
    case "packages":
      return undefined;
  }
}

/** The container of a run, if it has one. Instances that talk to each other are on the network of their nodes. */
export function orderedContainer(run: Run): OrderedContainer | undefined {
  const settings = settingsOf(run);
  if (settings === undefined) return undefined;
  const { imageName, containerRunOptions, workingDirectory, registry, containerHostBatchBindMounts: mounts } = settings;
  const ofPool = run.containerConfiguration?.containerRegistries ?? [];
  const isInstance = run.kind === "task" && run.instance !== undefined;
  return {
    imageName,
    runOptions: containerRunOptions ?? "",
    workingDirectory: workingDirectory ?? "taskWorkingDirectory",
    registries: [...(registry ? [registry] : []), ...ofPool].map(orderedRegistry),
    ...(mounts
      ? {
          mounts: mounts.flatMap(({ source, isReadOnly = false }) => (source ? [{ source, isReadOnly }] : [])),
        }
      : {}),
    ...(isInstance || run.enableInterNodeCommunication ? { isOnHostNetwork: true } : {}),
  };
}

/** What a node of a pool has before it takes tasks; undefined when the pool runs no containers. */
export const nodeImages = (configuration: ContainerConfiguration | undefined): NodeImages | undefined =>
  configuration && {
    imageNames: configuration.containerImageNames ?? [],
    registries: (configuration.containerRegistries ?? []).map(orderedRegistry),
  };

const orderedRegistry = ({ registryServer, username, password }: ContainerRegistry): OrderedRegistry => ({
  ...(registryServer === undefined ? {} : { server: registryServer }),
  ...(username === undefined ? {} : { username }),
  ...(password === undefined ? {} : { password }),
});
