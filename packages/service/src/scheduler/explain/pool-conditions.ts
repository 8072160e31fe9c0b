import type { Remedy } from "@kyanite/contract";
import type { ResizeError } from "../../domain/pool/pool.ts";
import { isoTime } from "../../domain/time.ts";
import { advice, call, type Finding } from "./finding.ts";
import { comes, remediesFor, standingText } from "./node-standing.ts";
import { type PoolFacts, takesTasks, total } from "./pool-facts.ts";
import { count, period, phrase, secondsBetween, verb } from "./words.ts";

/** Whether the pool is one that gets nodes and tasks. */
export function poolActive({ pool }: PoolFacts): Finding {
  const code = "poolActive";
  if (pool.state === "active") return { code, holds: true, text: `The pool ${pool.id} is active` };
  return {
    code,
    holds: false,
    since: pool.stateTransitionTime,
    text: `The pool ${pool.id} is being deleted`,
    remedies: [advice("Disable the job and give it another pool, or make the pool again once it is gone")],
  };
}

/** Whether the pool has nodes, in whatever state. */
export function poolHasNodes(facts: PoolFacts): Finding {
  const { pool, groups } = facts;
  const code = "poolHasNodes";
  const nodes = total(staying(groups), (group) => group.nodes);
  const numbers = {
    nodes,
    targetDedicatedNodes: pool.targetDedicatedNodes,
    targetLowPriorityNodes: pool.targetLowPriorityNodes,
  };
  if (nodes > 0) return { code, holds: true, text: `The pool ${pool.id} has ${count(nodes, "node")}`, facts: numbers };
  return { code, holds: false, since: pool.allocationStateTransitionTime, facts: numbers, ...whyEmpty(facts) };
}

const staying = (groups: PoolFacts["groups"]) => groups.filter(({ state }) => state !== "leavingpool");

function whyEmpty({ pool, autoScale }: PoolFacts): Pick<Finding, "text" | "passes" | "remedies"> {
  const target = pool.targetDedicatedNodes + pool.targetLowPriorityNodes;
  const start = `The pool ${pool.id} has no nodes`;
  const [error] = pool.resizeErrors ?? [];
  if (error) return { text: `${start}: ${resizeErrorText(error)}`, remedies: resizeRemedies(pool, error) };
  if (target > 0 || pool.allocationState !== "steady")
    return { text: `${start} yet: ${count(target, "node")} will be asked for`, passes: true };
  if (!pool.enableAutoScale)
    return {
      text: `${start}, and it is to have none`,
      remedies: [
        call("Give the pool a node", "Pool_Resize", { poolId: pool.id }, { targetDedicatedNodes: 1 }),
        call("Let the pool scale by a formula", "Pool_EnableAutoScale", { poolId: pool.id }),
      ],
    };
  const formula = formulaFinding(pool.id, autoScale);
  if (!formula.holds) return { text: `${start}, and ${lowerFirst(formula.text)}`, remedies: formula.remedies ?? [] };
  const next = autoScale?.dueTime ? `, and is evaluated again at ${isoTime(autoScale.dueTime)}` : "";
  return {
    text: `${start}: its formula asks for none${next}`,
    passes: true,
    remedies: [call("Evaluate the formula now", "Pool_RunAutoScale", { poolId: pool.id })],
  };
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

/** Whether the formula of a pool that scales by itself could be evaluated. */
export function formulaFinding(poolId: string, autoScale: PoolFacts["autoScale"]): Finding {
  const code = "formulaWorks";
  const run = autoScale?.run;
  if (!run?.error) return { code, holds: true, text: "The formula of the pool could be evaluated" };
  const detail = run.error.values?.find(({ name }) => name === "Message")?.value ?? run.error.message ?? "";
  return {
    code,
    holds: false,
    since: new Date(run.timestamp),
    text: `The formula of the pool fails: ${phrase(detail)}`,
    facts: { code: run.error.code, message: detail },
    remedies: [
      call("See what a formula would give", "Pool_EvaluateAutoScale", { poolId }),
      call("Give the pool another formula", "Pool_EnableAutoScale", { poolId }),
    ],
  };
}

/** With what the provider said, when it did. */
export function resizeErrorText({ code, message, values }: ResizeError): string {
  const told = values.find(({ name }) => name === "Provider Error Json")?.value;
  return told === undefined
    ? `${phrase(message)} (${code})`
    : `${phrase(message)} (${code}), saying ${phrase(providerMessage(told))}`;
}

function providerMessage(json: string): string {
  try {
    const told: unknown = JSON.parse(json);
    return told !== null && typeof told === "object" && "message" in told ? String(told.message) : json;
  } catch {
    return json;
  }
}

/** What can be done about a resize that did not reach its target; settings are the operator's. */
export function resizeRemedies(
  pool: Pick<PoolFacts["pool"], "id" | "enableAutoScale" | "targetDedicatedNodes" | "targetLowPriorityNodes">,
  { values }: ResizeError,
): Remedy[] {
  const setting = values.find(({ name }) => name === "Setting")?.value;
  const again = {
    targetDedicatedNodes: pool.targetDedicatedNodes,
    targetLowPriorityNodes: pool.targetLowPriorityNodes,
  };
  return [
    ...(setting === undefined ? [] : [advice(`Start the server with a higher setting ${setting}`)]),
    pool.enableAutoScale
      ? call("Evaluate the formula again", "Pool_RunAutoScale", { poolId: pool.id })
      : call("Ask for the nodes again", "Pool_Resize", { poolId: pool.id }, again),
  ];
}

/** Whether any node of the pool takes tasks, busy or not. */
export function nodeTakesTasks(facts: PoolFacts, now: Date): Finding {
  const { pool, groups } = facts;
  const code = "nodeTakesTasks";
  const open = groups.filter(takesTasks);
  const others = staying(groups).filter((group) => !takesTasks(group));
  const nodes = total(open, (group) => group.nodes);
  const numbers = { nodes, others: Object.fromEntries(others.map((group) => [group.state, group.nodes])) };
  if (nodes > 0)
    return {
      code,
      holds: true,
      text: `${count(nodes, "node")} of the pool ${verb(nodes, "take")} tasks`,
      facts: numbers,
    };
  const expected = expectedSeconds(facts, now);
  const soon = expected === undefined ? "" : `; the first is expected in ${period(expected)}`;
  const reason = facts.creation.reason === null ? "" : `; its provider says: ${phrase(facts.creation.reason)}`;
  return {
    code,
    holds: false,
    since: earliest(others.map(({ since }) => since)),
    text: `No node of the pool ${pool.id} takes tasks: ${others.map(standingText).join(", ")}${soon}${reason}`,
    passes: others.some(comes),
    facts: {
      ...numbers,
      ...(expected === undefined ? {} : { expectedSeconds: Math.round(expected) }),
      ...(facts.creation.reason === null ? {} : { reason: facts.creation.reason }),
    },
    remedies: others.flatMap((group) => remediesFor(pool.id, group)),
  };
}

const earliest = (times: readonly Date[]): Date | undefined =>
  times.length === 0 ? undefined : new Date(Math.min(...times.map((time) => time.getTime())));

/** In how many seconds the first of the nodes that are being made will be there, by what others took; when it is known. */
function expectedSeconds({ creation: { since, usualSeconds, reason } }: PoolFacts, now: Date): number | undefined {
  if (since === null || usualSeconds === null || reason !== null) return undefined;
  const left = usualSeconds - secondsBetween(since, now);
  return left < 0 ? undefined : left;
}
