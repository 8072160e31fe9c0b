import {
  allOperations,
  type ExplainedFailure,
  type ExplainedPhase,
  type Explanation,
  type ExplanationVerdict,
  type PathParameter,
  type Remedy,
} from "@kyanite/contract";
import { isoTime } from "../../domain/time.ts";

/** A condition, and what would change it. */
export interface Finding {
  readonly code: string;
  readonly holds: boolean;
  /** One sentence without its full stop. */
  readonly text: string;
  readonly since?: Date | null | undefined;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly remedies?: readonly Remedy[];
  /** Whether what does not hold will hold without anybody's doing. */
  readonly passes?: boolean;
}

type Operations = typeof allOperations;

/** A remedy that is one call. */
export function call<Name extends keyof Operations>(
  text: string,
  name: Name,
  args: Readonly<Record<PathParameter<Operations[Name]["path"]>, string>>,
  body?: Readonly<Record<string, unknown>>,
): Remedy {
  const { method, path } = allOperations[name];
  const values: Readonly<Record<string, string>> = args;
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter = ""]) => parameter);
  return {
    text,
    operation: name,
    method,
    path: path.replace(/\{(\w+)\}/g, (_, parameter: string) => encodeURIComponent(values[parameter] ?? "")),
    arguments: Object.fromEntries(parameters.map((parameter) => [parameter, values[parameter] ?? ""])),
    ...(body ? { body: { ...body } } : {}),
  };
}

/** A remedy that takes more than a call. */
export const advice = (text: string): Remedy => ({ text });

/** Of what an explanation is, and when. */
export interface Subject {
  readonly kind: Explanation["kind"];
  readonly id: string;
  readonly state?: string;
  readonly now: Date;
}

interface Told {
  /** Instead of what follows from the conditions. */
  readonly verdict?: ExplanationVerdict;
  readonly summary?: string;
  /** When every condition holds. */
  readonly otherwise: string;
  readonly failure?: ExplainedFailure | undefined;
  readonly timeline?: readonly ExplainedPhase[];
  readonly remedies?: readonly Remedy[];
}

/** The first condition that does not hold is what the sentence is about. */
export function explanationOf(
  { kind, id, state, now }: Subject,
  findings: readonly Finding[],
  { verdict, summary, otherwise, failure, timeline, remedies = [] }: Told,
): Explanation {
  const first = findings.find(({ holds }) => !holds);
  return {
    kind,
    id,
    ...(state === undefined ? {} : { state }),
    time: isoTime(now),
    verdict: verdict ?? verdictOf(findings),
    summary: sentence(summary ?? first?.text ?? otherwise),
    conditions: findings.map(({ code, holds, text, since, facts }) => ({
      code,
      holds,
      ...(since ? { sinceTime: isoTime(since) } : {}),
      text: sentence(text),
      ...(facts ? { facts: { ...facts } } : {}),
    })),
    remedies: distinct([
      ...findings.flatMap((finding) => (finding.holds ? [] : (finding.remedies ?? []))),
      ...remedies,
    ]),
    ...(failure ? { failure } : {}),
    ...(timeline ? { timeline: [...timeline] } : {}),
  };
}

/** Stuck as soon as one condition needs somebody to do something. */
export function verdictOf(findings: readonly Finding[]): ExplanationVerdict {
  const failing = findings.filter(({ holds }) => !holds);
  if (failing.length === 0) return "fine";
  return failing.every(({ passes }) => passes === true) ? "waiting" : "stuck";
}

/** Several conditions may name the same remedy. */
function distinct(remedies: readonly Remedy[]): Remedy[] {
  return [...new Map(remedies.map((remedy) => [JSON.stringify(remedy), remedy])).values()];
}

const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);
