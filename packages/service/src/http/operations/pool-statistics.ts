import { BatchError } from "@kyanite/contract";
import { poolStatistics } from "../../domain/pool/pool-statistics.ts";
import { isoTime } from "../../domain/time.ts";
import { readAccountLoad } from "../../store/pool-load.ts";
import { listPoolUsage, type PoolUsage, type UsagePlace, usageSeconds } from "../../store/pool-usage.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { pageOf } from "../lists.ts";

export const poolStatisticsHandlers = ({ database }: HandlerContext) =>
  ({
    Pool_GetAllLifetimeStatistics: async ({ account, baseUrl, now }) => {
      const { load, since } = await readAccountLoad(database, account, now);
      return { body: poolStatistics(load, { url: `${baseUrl}/lifetimepoolstats`, since, now }) };
    },

    Pool_ListUsageMetrics: async ({ account, query, list, now }) => {
      const { after, limit, filter } = list;
      const rows = await listPoolUsage(database, account, {
        ...usagePeriod(query, now),
        limit: limit + 1,
        ...(filter ? { filter } : {}),
        ...(after === undefined ? {} : { after: readPlace(after) }),
      });
      return { body: pageOf(rows, limit, writePlace, poolUsageMetrics) };
    },
  }) satisfies OperationHandlers;

/** The last full interval where the request names no times. */
function usagePeriod(
  { starttime, endtime }: { readonly starttime?: string; readonly endtime?: string },
  now: Date,
): { from: Date; until: Date } {
  const length = usageSeconds * 1000;
  const latest = Math.floor(now.getTime() / length) * length;
  const until = endtime === undefined ? latest : Math.min(Date.parse(endtime), now.getTime());
  const from = starttime === undefined ? Math.floor(until / length) * length - length : Date.parse(starttime);
  if (from >= until)
    throw new BatchError("InvalidQueryParameterValue", {
      QueryParameterName: "starttime",
      QueryParameterValue: starttime ?? "",
      Reason: "The start must come before the end, and before the present",
    });
  return { from: new Date(from), until: new Date(until) };
}

function poolUsageMetrics({ poolId, vmSize, startTime, endTime, coreHours }: PoolUsage) {
  return { poolId, vmSize, startTime: isoTime(startTime), endTime: isoTime(endTime), totalCoreHours: coreHours };
}

function writePlace({ startTime, poolKey, vmSize }: UsagePlace): string {
  return `${startTime.toISOString()} ${poolKey} ${vmSize}`;
}

function readPlace(text: string): UsagePlace {
  const [time = "", poolKey = "", vmSize = ""] = text.split(" ");
  const startTime = new Date(time);
  if (Number.isNaN(startTime.getTime()))
    throw new BatchError("InvalidQueryParameterValue", {
      QueryParameterName: "$skiptoken",
      Reason: "Not a token of this list",
    });
  return { startTime, poolKey, vmSize };
}
