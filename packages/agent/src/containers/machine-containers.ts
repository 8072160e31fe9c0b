import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Clock, Log } from "@kyanite/runtime";
import type { ContainerInfo } from "dockerode";
import { messageOf, StepFailure } from "../failure.ts";
import { RuntimeLost } from "./failures.ts";
import { type ImageStore, openImageStore } from "./image-store.ts";
import { type Images, openImages } from "./images.ts";
import { untilAnswered } from "./patience.ts";
import { type ContainerRuntime, type RuntimeFinder, type RuntimePlaces, runtimeFinder } from "./runtime.ts";
import { removeLeftVolumes } from "./volumes.ts";

/** Says whose a container is: the root directory of its node. */
export const nodeLabel = "kyanite.node-root";

/** Says which agent has made a container. */
export const agentLabel = "kyanite.agent";

/** Says which run a container is of. */
export const runLabel = "kyanite.run";

/** What the nodes of a machine have in common. */
export interface MachineContainers {
  /** Of this agent, as long as it runs. */
  readonly agentId: string;
  readonly runtime: RuntimeFinder["find"];
  /**
   * The runtime as soon as it answers: one that is just being restarted is waited for.
   * @throws StepFailure when there is none, and RuntimeLost when it does not answer
   */
  whenReady(signal: AbortSignal): Promise<ContainerRuntime>;
  readonly images: Images;
  readonly store: ImageStore;
  /** The network of containers that ask for none; the runtime's own choice when undefined. */
  readonly network: string | undefined;
  /**
   * Removes the containers of a node, but for those with these names, or of this agent, and their volumes without a
   * name. Where there is no runtime there are none.
   */
  removeLeft(root: string, kept?: KeptContainers): Promise<void>;
  /** Removes the volumes whose names begin so. */
  removeVolumes(prefix: string): Promise<void>;
}

/** Besides those of this agent. */
interface KeptContainers {
  readonly names: readonly string[];
}

export interface ContainerSettings extends RuntimePlaces {
  readonly network: string | undefined;
  /** How much the images may take that were pulled here; no limit when 0. */
  readonly imageBytes: number;
}

interface MachineOptions extends ContainerSettings {
  /** The host's own. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
}

const patienceMilliseconds = 20_000;

export async function machineContainers(options: MachineOptions): Promise<MachineContainers> {
  const { log, network } = options;
  const agentId = randomUUID();
  const finder = runtimeFinder(options);
  const runtime = () => finder.find();
  const file = join(options.directory, "images.jsonl");
  const store = await openImageStore({ file, runtime, mostBytes: options.imageBytes, log });
  const ifThere = () => runtime().catch(() => undefined);
  /** A runtime that hangs, or fails, must not keep nodes from being opened and removed. */
  const inTime = async (work: Promise<void>) => {
    const over = new AbortController();
    const late = options.clock.sleep(patienceMilliseconds, over.signal).then(() => {
      if (!over.signal.aborted) throw new Error("the container runtime does not answer");
    });
    await Promise.race([work, late])
      .catch((cause: unknown) => log.warn("containers not looked after", { reason: messageOf(cause) }))
      .finally(() => over.abort());
  };
  const remove = async (id: string) => {
    const found = await ifThere();
    await found?.api
      .getContainer(id)
      .remove({ force: true, v: true })
      .catch((cause: unknown) => log.warn("container not removed", { id, reason: messageOf(cause) }));
  };
  const removeLeft = async (root: string, kept: KeptContainers | undefined) => {
    const found = await ifThere();
    const left = await found?.api.listContainers({ all: true, filters: { label: [`${nodeLabel}=${root}`] } });
    const isKept = ({ Labels, Names }: ContainerInfo) =>
      Labels[agentLabel] === agentId || Names.some((name) => kept?.names.includes(name.replace(/^\//, "")));
    await Promise.all((left ?? []).filter((each) => !kept || !isKept(each)).map(({ Id }) => remove(Id)));
    if (found) await removeLeftVolumes(found, [nodeLabel, root], (labels) => !kept || labels[agentLabel] !== agentId);
  };
  const removeVolumes = async (prefix: string) => {
    const found = await ifThere();
    const { Volumes = [] } = (await found?.api.listVolumes({ filters: { name: [prefix] } })) ?? {};
    for (const { Name } of Volumes ?? []) if (Name.startsWith(prefix)) await found?.api.getVolume(Name).remove();
  };
  return {
    agentId,
    runtime,
    async whenReady(signal) {
      const ask = async () => {
        const found = await runtime();
        await found.api.ping();
        return found;
      };
      try {
        return await untilAnswered(ask, { clock: options.clock, signal });
      } catch (cause) {
        signal.throwIfAborted();
        throw cause instanceof StepFailure ? cause : new RuntimeLost(messageOf(cause));
      }
    },
    network,
    images: openImages({ ...options, runtime, store }),
    store,
    removeLeft: (root, kept) => inTime(removeLeft(root, kept)),
    removeVolumes: (prefix) => inTime(removeVolumes(prefix)),
  };
}
