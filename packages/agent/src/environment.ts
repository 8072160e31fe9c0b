import { join } from "node:path";
import type { OrderedPackage, RunOrder } from "@kyanite/contract";
import type { RunPaths } from "./paths.ts";

/** Marks every process of a run, so that those which leave its process group are found as well. */
export const runMarker = "KYANITE_RUN_ID";

export interface EnvironmentFacts {
  readonly paths: RunPaths;
  readonly packages: readonly { readonly reference: OrderedPackage; readonly directory: string }[];
  readonly userName: string;
  readonly commandPath: string;
  readonly commandLanguage: string;
  readonly reservedDiskBytes: number;
}

/**
 * The whole environment of a command. Later wins: the machine's, the job's and the task's, ours. So a setting of the
 * user may replace PATH or HOME, but nothing that says where the run is.
 */
export function runEnvironment(order: RunOrder, facts: EnvironmentFacts): Readonly<Record<string, string>> {
  const { paths } = facts;
  return {
    PATH: facts.commandPath,
    LANG: facts.commandLanguage,
    HOME: paths.working,
    USER: facts.userName,
    LOGNAME: facts.userName,
    SHELL: "/bin/sh",
    ...order.environment,
    AZ_BATCH_NODE_ROOT_DIR: paths.root,
    AZ_BATCH_NODE_SHARED_DIR: join(paths.root, "shared"),
    AZ_BATCH_NODE_STARTUP_DIR: join(paths.root, "startup"),
    AZ_BATCH_NODE_MOUNTS_DIR: join(paths.root, "fsmounts"),
    AZ_BATCH_TASK_DIR: paths.task,
    AZ_BATCH_TASK_WORKING_DIR: paths.working,
    AZ_BATCH_CERTIFICATES_DIR: paths.certificates,
    AZ_BATCH_TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES: String(facts.reservedDiskBytes),
    ...preparationVariables(paths.preparation),
    ...(paths.shared === undefined ? {} : { AZ_BATCH_TASK_SHARED_DIR: paths.shared }),
    ...Object.assign({}, ...facts.packages.map(packageVariables)),
    [runMarker]: order.runId,
  };
}

function preparationVariables(directory: string | undefined): Record<string, string> {
  if (directory === undefined) return {};
  return { AZ_BATCH_JOB_PREP_DIR: directory, AZ_BATCH_JOB_PREP_WORKING_DIR: join(directory, "wd") };
}

/** The documentation says both that the id keeps its case and that it is lower-cased; both names are set. */
function packageVariables({ reference, directory }: EnvironmentFacts["packages"][number]): Record<string, string> {
  const { applicationId, version, isDefaultVersion } = reference;
  const name = (isDefaultVersion ? applicationId : `${applicationId}_${version}`).replace(/[.#-]/g, "_");
  return {
    [`AZ_BATCH_APP_PACKAGE_${name}`]: directory,
    [`AZ_BATCH_APP_PACKAGE_${name.toLowerCase()}`]: directory,
  };
}
