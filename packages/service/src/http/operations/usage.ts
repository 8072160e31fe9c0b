import { Readable } from "node:stream";
import { BatchError, invalidProperty, type PriceList } from "@kyanite/contract";
import { after, isoTime } from "../../domain/time.ts";
import { parseGroupings } from "../../domain/usage/grouping.ts";
import { usageCsv } from "../../domain/usage/usage-csv.ts";
import { usageGroups } from "../../domain/usage/usage-report.ts";
import { readPrices, savePrices } from "../../store/prices.ts";
import { readUsageParts } from "../../store/usage-parts.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { preferredType } from "../media-types.ts";

const forms = ["application/json", "text/csv"] as const;

const usualDays = 30;
/** Before it nothing was. */
const earliest = new Date(0);
/** More would be a long answer, and a long question to the database. */
const mostParts = 20_000;

export const usageHandlers = ({ database }: HandlerContext) =>
  ({
    Account_GetUsage: async ({ account, query, now, accept }) => {
      const { from, to } = usageTime(query, now);
      const groupings = parseGroupings(query.groupby);
      const parts = await readUsageParts(database, account, { from, to, groupings, limit: mostParts + 1 });
      if (parts.length > mostParts)
        throw refused(
          "groupby",
          query.groupby ?? "",
          `There are more than ${mostParts} groups: ask for a shorter time`,
        );
      const prices = await readPrices(database, account);
      const groups = usageGroups(parts, groupings, prices);
      const body = { from: isoTime(from), to: isoTime(to), currency: prices?.currency ?? null, groups };
      if (preferredType(accept, forms) === "application/json") return { body };
      const headers = { "content-type": "text/csv; charset=utf-8; header=present" };
      return { stream: Readable.from([usageCsv(body, groupings)]), headers };
    },

    Account_GetPrices: async ({ account }) => ({
      body: (await readPrices(database, account)) ?? { currency: "", prices: [] },
    }),

    Account_SetPrices: async ({ account, body, transaction }) => {
      checkPrices(body);
      await transaction((sql) => savePrices(sql, account, body));
      return { body };
    },
  }) satisfies OperationHandlers;

function checkPrices({ prices }: PriceList): void {
  const seen = new Set<string>();
  prices.forEach(({ vmSize, dedicated }, index) => {
    const key = `${dedicated} ${vmSize.toLowerCase()}`;
    if (seen.has(key)) throw invalidProperty(`prices[${index}].vmSize`, vmSize, "This size has a price already");
    seen.add(key);
  });
}

function usageTime({ from, to }: { readonly from?: string; readonly to?: string }, now: Date) {
  const end = new Date(Math.min(to === undefined ? now.getTime() : Date.parse(to), now.getTime()));
  const asked = from === undefined ? after(end, -usualDays * 86_400) : new Date(from);
  const start = asked < earliest ? earliest : asked;
  if (start >= end) throw refused("from", from ?? "", "The start must come before the end, and before the present");
  return { from: start, to: end };
}

const refused = (name: string, value: string, reason: string) =>
  new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: name,
    QueryParameterValue: value.slice(0, 256),
    Reason: reason,
  });
