/** How much an account may have; each is a setting, which the error names. */
export interface AccountQuotas {
  readonly poolQuota: number;
  readonly activeJobAndJobScheduleQuota: number;
  readonly dedicatedCoreQuota: number;
  readonly lowPriorityCoreQuota: number;
  readonly accountQuota: number;
}
