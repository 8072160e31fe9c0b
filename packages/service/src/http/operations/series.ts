import { Readable } from "node:stream";
import { BatchError, nodeMetrics, poolMetrics, type SeriesMetrics } from "@kyanite/contract";
import { chosenMetrics } from "../../domain/series/metrics.ts";
import { seriesCsv, seriesReport } from "../../domain/series/report.ts";
import { keptSteps, type SeriesTime, seriesTime, stepCount } from "../../domain/series/steps.ts";
import { after } from "../../domain/time.ts";
import { readExistingNode, readExistingPool } from "../../lifecycle/existing.ts";
import { readSeries, type Subject } from "../../store/series.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { preferredType } from "../media-types.ts";

const forms = ["application/json", "text/csv"] as const;

interface Asked extends AskedTime {
  readonly metric?: string;
}

export const seriesHandlers = ({ database, samples }: HandlerContext) => {
  const answer = async (subject: Subject, known: SeriesMetrics, asked: { query: Asked; now: Date; accept: string }) => {
    const steps = keptSteps(subject.kind === "node" ? "nodes" : "others", samples);
    const time = askedTime(steps, asked.query, asked.now);
    const names = chosenMetrics(asked.query.metric, known);
    const places = names.map((name) => Object.keys(known).indexOf(name) + 1);
    const points = await readSeries(database, subject, places, time);
    const body = seriesReport(time, { names, known, points });
    if (preferredType(asked.accept, forms) === "application/json") return { body };
    const headers = { "content-type": "text/csv; charset=utf-8; header=present" };
    return { stream: Readable.from([seriesCsv(body)]), headers };
  };
  return {
    Account_GetSeries: async ({ account, ...asked }) => answer({ kind: "account", pk: account.pk }, poolMetrics, asked),

    Pool_GetSeries: async ({ account, params, ...asked }) => {
      const { pk } = await readExistingPool(database, account, params);
      return answer({ kind: "pool", pk }, poolMetrics, asked);
    },

    ComputeNode_GetSeries: async ({ account, params, ...asked }) => {
      const { node } = await readExistingNode(database, account, params);
      return answer({ kind: "node", pk: node.pk }, nodeMetrics, asked);
    },
  } satisfies OperationHandlers;
};

export interface AskedTime {
  readonly from?: string;
  readonly to?: string;
  readonly step?: number;
}

const mostSteps = 3_000;
const usualSeconds = 86_400;

function askedTime(steps: Parameters<typeof seriesTime>[0], { from, to, step }: AskedTime, now: Date): SeriesTime {
  const end = new Date(Math.min(to === undefined ? now.getTime() : Date.parse(to), now.getTime()));
  const start = from === undefined ? after(end, -usualSeconds) : new Date(from);
  if (start >= end) throw refused("from", from, "The start must come before the end, and before the present");
  const time = seriesTime(steps, { from: start, to: end, askedSeconds: step, now });
  const count = stepCount(time);
  if (count > mostSteps)
    throw refused(
      "step",
      step,
      `There would be ${count} steps, of which ${mostSteps} are permitted: ask for longer ones, or for a shorter time`,
    );
  return time;
}

const refused = (name: string, value: string | number | undefined, reason: string) =>
  new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: name,
    QueryParameterValue: String(value ?? "").slice(0, 256),
    Reason: reason,
  });
