import type { AutoScaleSettings } from "./auto-scale.ts";

/** How much an account may have; each is a setting, which the error names. */
export interface Quotas extends AutoScaleSettings {
  readonly poolQuota: number;
  readonly activeJobAndJobScheduleQuota: number;
}
