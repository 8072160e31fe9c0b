import { AgentMessage, AgentReport, KeptFiles, RunSteps } from "@kyanite/contract";
import { Compile } from "typebox/compile";

/** Compiled, since every run ends with a report: to interpret the schema takes as long as all else that is done with it. */
const message = Compile(AgentMessage);
const report = Compile(AgentReport);
/** What must not hide how a run has ended when it is wrong itself. */
const dispensable = new Map<string, { Check(value: unknown): boolean }>([
  ["kept", Compile(KeptFiles)],
  ["steps", Compile(RunSteps)],
]);

/** A report that is not understood, and as much of it as is needed to answer it. */
export interface RefusedReport {
  readonly type: string;
  /** Of the run whose end it should have told. */
  readonly finishedRunId: string | undefined;
  readonly problems: readonly string[];
}

/** What one node reports. */
export interface ReadReports {
  readonly nodeId: string;
  readonly reports: readonly AgentReport[];
  readonly refused: readonly RefusedReport[];
}

/**
 * The reports of a message, by their nodes; one that is not understood takes no other along.
 * @throws SyntaxError when the message is no JSON
 */
export function readReports(text: string): readonly ReadReports[] {
  const value: unknown = JSON.parse(text);
  if (message.Check(value)) return value.map((each) => ({ ...each, refused: [] }));
  return (Array.isArray(value) ? value : [value]).map(reportsOf);
}

function reportsOf(value: unknown): ReadReports {
  const { nodeId, reports: given }: Readonly<Record<string, unknown>> = isObject(value) ? { ...value } : {};
  const reports: AgentReport[] = [];
  const refused: RefusedReport[] = [];
  for (const each of Array.isArray(given) ? given : [value]) {
    const readable = report.Check(each) ? each : withoutNonsense(each);
    if (report.Check(readable)) reports.push(readable);
    else refused.push(describe(each));
  }
  return { nodeId: typeof nodeId === "string" ? nodeId : "", reports, refused };
}

function withoutNonsense(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, part]) => dispensable.get(name)?.Check(part) ?? true));
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const mostProblems = 3;

function describe(value: unknown): RefusedReport {
  const fields: Readonly<Record<string, unknown>> = isObject(value) ? { ...value } : {};
  const { type, runId } = fields;
  return {
    type: typeof type === "string" ? type : "unknown",
    finishedRunId: type === "finished" && typeof runId === "string" ? runId : undefined,
    problems: report
      .Errors(value)
      .slice(0, mostProblems)
      .map(({ instancePath, message }) => `${instancePath} ${message}`.trim()),
  };
}
