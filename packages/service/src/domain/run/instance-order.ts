import type { OrderedDownload, RunOrder } from "@kyanite/contract";
import { findVmSize } from "../catalogue/vm-sizes.ts";
import type { TaskSpec } from "../task/task.ts";
import type { InstanceRun } from "./run.ts";

/** The port at which, by convention, the primary of a multi-instance task listens. */
const masterPort = 6000;

/**
 * The order for an instance of a multi-instance task, made from its task's. Only the primary has the task's own
 * command, resource files, output files, wall clock, and what is kept.
 */
export function instanceOrder(
  task: RunOrder,
  spec: TaskSpec,
  { commonDownloads, ...instance }: InstanceRun & { readonly commonDownloads: OrderedDownload[] },
): RunOrder {
  const order: RunOrder = {
    ...task,
    coordinationCommandLine: spec.multiInstanceSettings?.coordinationCommandLine ?? "",
    commonDownloads,
    sharedDirectory: `${task.directory}/shared`,
    environment: { ...task.environment, ...instanceVariables(instance) },
  };
  if (instance.id === 0) return order;
  const { maxWallClockSeconds: _wallClock, keeping: _keeping, ...subtask } = order;
  return { ...subtask, kind: "subtask", commandLine: "", downloads: [], uploads: [] };
}

function instanceVariables({ id, hosts, vmSize }: InstanceRun): Record<string, string> {
  const cores = findVmSize(vmSize)?.cores ?? 1;
  return {
    AZ_BATCH_HOST_LIST: hosts.join(","),
    AZ_BATCH_NODE_LIST: hosts.join(";"),
    AZ_BATCH_MASTER_NODE: `${hosts[0]}:${masterPort}`,
    AZ_BATCH_IS_CURRENT_NODE_MASTER: String(id === 0),
    CCP_NODES: [hosts.length, ...hosts.map((host) => `${host} ${cores}`)].join(" "),
  };
}
