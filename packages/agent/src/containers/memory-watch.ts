import type { ControlGroupPlace } from "@kyanite/runtime";
import { type MemoryKill, memoryKillIn } from "../limits.ts";
import { memoryGroupsOf } from "./control-groups.ts";

/**
 * Podman does not always hear from the machine that a process of a container was killed for memory. The container's
 * control group knows, and goes a moment after its end.
 */
export class MemoryWatch {
  readonly #groups: readonly ControlGroupPlace[];
  readonly #limitBytes: number;
  #kill: MemoryKill | undefined;

  /** @param containerId of one that runs */
  constructor(containerId: string, limitBytes: number) {
    this.#groups = memoryGroupsOf(containerId);
    this.#limitBytes = limitBytes;
  }

  /** Notes whether something was killed up to now, while the group is there. */
  look(): void {
    for (const group of this.#groups) this.#kill ??= memoryKillIn(group, this.#limitBytes);
  }

  get kill(): MemoryKill | undefined {
    return this.#kill;
  }
}
