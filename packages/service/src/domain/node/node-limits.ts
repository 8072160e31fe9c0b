import type { NodeLimits } from "@kyanite/contract";
import { findVmSize } from "../catalogue/vm-sizes.ts";

/** What the operator has decided about what tasks may take. */
export interface LimitSettings {
  readonly processesPerSlot: number;
  /** `vm-size`: the memory and the cores of the pool's size are shared by the slots. `none`: tasks take what is there. */
  readonly nodeLimits: "none" | "vm-size";
}

/** What the runs of a node may take whose pool has this size. */
export function limitsOfNode(vmSize: string, { processesPerSlot, nodeLimits }: LimitSettings): NodeLimits {
  const size = nodeLimits === "vm-size" ? findVmSize(vmSize) : undefined;
  return {
    ...(processesPerSlot > 0 && { processesPerSlot }),
    ...(size && { memoryBytes: Math.floor(size.memoryGiB * 2 ** 30), cores: size.cores }),
  };
}
