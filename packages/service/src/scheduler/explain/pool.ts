import type { AutoScaleRun, Explanation } from "@kyanite/contract";
import { advice, call, explanationOf, type Finding } from "./finding.ts";
import { remediesFor, standingText } from "./node-standing.ts";
import {
  formulaFinding,
  nodeTakesTasks,
  poolActive,
  poolHasNodes,
  resizeErrorText,
  resizeRemedies,
} from "./pool-conditions.ts";
import { type PoolFacts, total } from "./pool-facts.ts";
import { count, names, verb } from "./words.ts";

export interface PoolStory {
  readonly facts: PoolFacts;
  /** What its formula would give now; of a pool that scales by itself. */
  readonly trial: AutoScaleRun | undefined;
  /** Of its active jobs, up to a bound. */
  readonly waitingTasks: number;
}

/** Why a pool has not the nodes that it should have, and what is wrong with those it has. */
export function explainPool({ facts, trial, waitingTasks }: PoolStory, now: Date): Explanation {
  const { pool, groups } = facts;
  const wants = pool.targetDedicatedNodes + pool.targetLowPriorityNodes > 0 || waitingTasks > 0;
  const hasNodes = poolHasNodes(facts);
  const findings = [
    poolActive(facts),
    ...(pool.enableAutoScale ? [formulaFinding(pool.id, facts.autoScale)] : []),
    resizeReached(facts),
    ...(trial && !trial.error ? [formulaMet(facts, trial)] : []),
    ...(wants ? [hasNodes] : []),
    ...(hasNodes.holds ? [nodeTakesTasks(facts, now), nodesHealthy(facts)] : []),
  ];
  const nodes = total(groups, (group) => group.nodes);
  const otherwise = `The pool has ${count(nodes, "node")} with ${count(
    total(groups, (group) => group.freeSlots),
    "free slot",
  )}, and ${count(waitingTasks, "task")} of its jobs ${verb(waitingTasks, "wait")}`;
  return explanationOf({ kind: "pool", id: pool.id, state: pool.state, now }, findings, { otherwise });
}

/** Whether the last resize reached its target. */
function resizeReached({ pool, groups, creation }: PoolFacts): Finding {
  const code = "resizeReached";
  const [error] = pool.resizeErrors ?? [];
  const since = pool.allocationStateTransitionTime;
  const target = pool.targetDedicatedNodes + pool.targetLowPriorityNodes;
  const nodes = total(groups, (group) => group.nodes);
  const facts = { nodes, target, allocationState: pool.allocationState };
  if (error)
    return {
      code,
      holds: false,
      since,
      text: resizeErrorText(error),
      facts: { ...facts, error: error.code },
      remedies: resizeRemedies(pool, error),
    };
  if (pool.allocationState === "steady")
    return { code, holds: true, since, text: `The pool has come to rest with ${count(nodes, "node")}`, facts };
  const reason = creation.reason === null ? "" : `; the provider says: ${creation.reason}`;
  const text = `The pool is ${pool.allocationState}: it has ${count(nodes, "node")}, and ${target} are wanted${reason}`;
  return { code, holds: false, since, text, passes: true, facts };
}

/** Whether the formula asks for the nodes that the pool is to have already. */
function formulaMet({ pool }: PoolFacts, trial: AutoScaleRun): Finding {
  const code = "formulaMet";
  const dedicated = targetOf(trial, "TargetDedicatedNodes") ?? pool.targetDedicatedNodes;
  const lowPriority = targetOf(trial, "TargetLowPriorityNodes") ?? pool.targetLowPriorityNodes;
  const facts = {
    dedicated,
    lowPriority,
    targetDedicatedNodes: pool.targetDedicatedNodes,
    targetLowPriorityNodes: pool.targetLowPriorityNodes,
  };
  const now = `Evaluated now, the formula asks for ${dedicated} dedicated and ${lowPriority} low-priority nodes`;
  if (dedicated === pool.targetDedicatedNodes && lowPriority === pool.targetLowPriorityNodes)
    return { code, holds: true, text: `${now}, as the pool has it`, facts };
  return {
    code,
    holds: false,
    text: `${now}, and the pool is to have ${pool.targetDedicatedNodes} and ${pool.targetLowPriorityNodes} until its next evaluation`,
    passes: true,
    facts,
    remedies: [call("Evaluate the formula now", "Pool_RunAutoScale", { poolId: pool.id })],
  };
}

function targetOf({ results = "" }: AutoScaleRun, name: string): number | undefined {
  const value = new RegExp(`\\$${name}=(\\d+)`).exec(results)?.[1];
  return value === undefined ? undefined : Number(value);
}

const sick: ReadonlySet<string> = new Set(["unusable", "starttaskfailed", "unknown"]);

/** Whether nothing is wrong with any of the nodes. */
function nodesHealthy({ pool, groups }: PoolFacts): Finding {
  const code = "nodesHealthy";
  const bad = groups.filter(({ state }) => sick.has(state));
  const [first] = bad;
  if (!first) return { code, holds: true, text: "No node of the pool is amiss" };
  return {
    code,
    holds: false,
    since: first.since,
    text: `Of the nodes of the pool, ${bad.map(standingText).join(", ")}: ${names(bad.map(({ nodeId }) => nodeId))}`,
    facts: Object.fromEntries(bad.map(({ state, nodes }) => [state, nodes])),
    remedies: [
      call("See what is wrong with a node", "ComputeNode_Explain", { poolId: pool.id, nodeId: first.nodeId }),
      ...bad.flatMap((group) => remediesFor(pool.id, group)),
      advice("Take the nodes out of the pool, which then gets others for them"),
    ],
  };
}
