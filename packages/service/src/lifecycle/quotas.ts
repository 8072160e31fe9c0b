import type { UnsupportedPolicy } from "../domain/unsupported.ts";
import type { AutoScaleSettings } from "./auto-scale.ts";

/** What an operator decided about pools, and whom to tell of a new pool's properties that have no effect. */
export interface PoolRules extends AutoScaleSettings {
  readonly poolQuota: number;
  readonly unsupportedProperties: UnsupportedPolicy;
  readonly tellWithoutEffect: (poolId: string, properties: readonly string[]) => void;
}

/** How much an account may have; each is a setting, which the error names. */
export interface Quotas extends PoolRules {
  readonly activeJobAndJobScheduleQuota: number;
}
