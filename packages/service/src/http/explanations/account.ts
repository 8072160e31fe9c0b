import type { Explanation } from "@kyanite/contract";
import type { Quotas } from "../../lifecycle/quotas.ts";
import { explainAccount } from "../../scheduler/explain/account.ts";
import { readAccountFindings } from "../../store/account-findings.ts";
import { countOpenJobsAndSchedules } from "../../store/job-schedules.ts";
import { countPools } from "../../store/pools.ts";
import type { Asked } from "./asked.ts";

export async function accountExplanation(
  { account, sql, now }: Omit<Asked<unknown>, "ids">,
  { activeJobAndJobScheduleQuota: jobQuota, poolQuota }: Pick<Quotas, "activeJobAndJobScheduleQuota" | "poolQuota">,
): Promise<Explanation> {
  const [openJobs, pools, findings] = await Promise.all([
    countOpenJobsAndSchedules(sql, account),
    countPools(sql, account),
    readAccountFindings(sql, account),
  ]);
  return explainAccount({ name: account.name, openJobs, jobQuota, pools, poolQuota, ...findings }, now);
}
