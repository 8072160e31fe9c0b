import type { NodeImages } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import { type ContainerExecutor, containerExecutor } from "../executors/container.ts";
import { type InstanceContainers, instanceContainers } from "../executors/instance-container.ts";
import { messageOf, StepFailure } from "../failure.ts";
import { machineNamePrefix } from "../paths.ts";
import { containerMisery } from "./failures.ts";
import type { Images } from "./images.ts";
import { agentLabel, type MachineContainers, nodeLabel } from "./machine-containers.ts";
import { parseReference } from "./reference.ts";
import { type TrustedMounts, trustedMounts } from "./trusted-mounts.ts";

/** What a node needs to run containers. */
export interface NodeContainers {
  readonly executor: ContainerExecutor;
  readonly instances: InstanceContainers;
  readonly images: Images;
  readonly mounts: TrustedMounts;
  readonly runtime: MachineContainers["runtime"];
  readonly whenReady: MachineContainers["whenReady"];
  readonly network: string | undefined;
  /** By which the node's containers are found again. */
  readonly labels: Readonly<Record<string, string>>;
  /** What the names of the node's volumes begin with: they go when it goes. */
  readonly volumePrefix: string;
  /** Directories of the machine that the node's containers see as well: its shares. */
  shares(): readonly string[];
  share(directories: readonly string[]): void;
  /**
   * Sees to it that images are there before the node takes tasks.
   * @throws StepFailure for the first that cannot be had, or when there is no runtime
   */
  fetch(images: NodeImages, signal: AbortSignal): Promise<void>;
  /** Begins to remove the containers that former agents have left, and takes away what was made for them, but for these. */
  keepOnly(kept: readonly KeptContainer[]): Promise<void>;
  /** Removes all that containers have left outside the node's root. */
  clear(): Promise<void>;
}

/** A run goes on in it. */
interface KeptContainer {
  readonly runId: string;
  readonly name: string;
}

interface NodeOptions {
  /** The node's own, which no task can reach. */
  readonly directory: string;
  readonly root: string;
  readonly shares: readonly string[];
  readonly machine: MachineContainers;
  readonly clock: Clock;
  readonly log: Log;
}

/** Ends all containers of a node; its volumes stay, as its files do. */
export async function endContainers(root: string, machine: MachineContainers, mounts: TrustedMounts): Promise<void> {
  await machine.removeLeft(root);
  await mounts.clear();
}

/** Ends all containers of a node that begins anew or is gone, and takes away what was made for them. */
export async function removeContainers(root: string, machine: MachineContainers, mounts: TrustedMounts): Promise<void> {
  machine.store.refer(root, []);
  await machine.removeLeft(root);
  await machine.removeVolumes(machineNamePrefix(root));
  await mounts.clear();
}

export function nodeContainers(options: NodeOptions): NodeContainers {
  const { directory, root, machine, clock, log } = options;
  const { runtime, images, network } = machine;
  const mounts = trustedMounts(directory, root);
  let shares = options.shares;
  return {
    executor: containerExecutor({ runtime, clock, log }),
    instances: instanceContainers({ runtime, clock, log }),
    images,
    mounts,
    runtime,
    whenReady: machine.whenReady,
    network,
    labels: { [nodeLabel]: root, [agentLabel]: machine.agentId },
    volumePrefix: machineNamePrefix(root),
    shares: () => shares,
    share(directories) {
      shares = directories;
    },
    async fetch({ imageNames, registries }, signal) {
      const { name } = await runtime();
      machine.store.refer(
        root,
        imageNames.flatMap((each) => parseReference(each)?.name ?? []),
      );
      log.info("images wanted", { runtime: name, imageNames });
      const fetching = imageNames.map(async (imageName) => {
        await images.ensure({ imageName, registries }, { policy: "missing", signal }).catch((cause: unknown) => {
          throw cause instanceof StepFailure ? cause : containerMisery(messageOf(cause), cause);
        });
        log.info("image ready", { imageName });
      });
      await Promise.all(fetching);
    },
    async keepOnly(kept) {
      void machine.removeLeft(root, { names: kept.map(({ name }) => name) });
      const runIds = kept.map(({ runId }) => runId);
      await mounts.keepOnly(runIds).catch((cause: unknown) => log.warn("mounts left", { reason: messageOf(cause) }));
    },
    clear: () => removeContainers(root, machine, mounts),
  };
}
