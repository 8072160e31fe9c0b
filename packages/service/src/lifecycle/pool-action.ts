import { BatchError, type PoolActionName, poolVerdict } from "@kyanite/contract";
import type { Pool } from "../domain/pool/pool.ts";

/** @throws BatchError with the documented code when the pool's states forbid the action */
export function checkPoolAction(action: PoolActionName, pool: Pool): void {
  const verdict = poolVerdict(action, pool);
  if (verdict !== "allowed") throw new BatchError(verdict, { Reason: refusal(action, pool) });
}

function refusal(action: PoolActionName, { state, allocationState, enableAutoScale }: Pool): string {
  const scale = enableAutoScale ? " and has autoscale enabled" : "";
  return `${action} is not possible while the pool is ${state} and ${allocationState}${scale}`;
}
